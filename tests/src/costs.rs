//! What a unary call costs, in what can be counted: it is the same on every machine, so that more of it is a regression.
//!
//! The server has its default settings, with both lines of each call. Each limit is near to what was measured.

use futures_util::future::join_all;
use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{
    raw::{self, Raw},
    wait,
};

use crate::measured::{Heap, Measured};

/// Heap allocations per call; 23.0 were measured.
const MOST_ALLOCATIONS: f64 = 23.5;
/// Writes to the socket per response, with one worker and with two.
const MOST_WRITES: [(&str, f64); 2] = [("1", 0.11), ("2", 0.15)];

const CONNECTIONS: usize = 10;
/// Calls in flight on each connection.
const AT_A_TIME: usize = 10;
/// What a start and a connection cost is in a short load as in a long one: only the difference is looked at.
const SHORT: usize = 10;
const LONG: usize = 30;
/// The calls that a long load has more than a short one.
const MORE: f64 = ((LONG - SHORT) * CONNECTIONS * AT_A_TIME) as f64;

/// On each of the connections, rounds of calls that begin together.
async fn load(server: &Measured, rounds: usize) {
    let message = raw::message(&HelloRequest { name: "world".into() });
    let connection = async || {
        let raw = Raw::connect(server.example.address).await;
        for _ in 0..rounds {
            let call = || raw.call(raw.head("/helloworld.Greeter/SayHello"), message.clone());
            for ended in join_all((0..AT_A_TIME).map(|_| call())).await {
                assert_eq!(ended.unwrap().grpc_status(), "0");
            }
        }
    };
    join_all((0..CONNECTIONS).map(|_| connection())).await;
}

/// The heap, once nothing moves any more.
async fn at_rest(server: &Measured) -> Heap {
    let mut last = server.heap().await;
    let unchanged = async || {
        let earlier = std::mem::replace(&mut last, server.heap().await);
        (earlier == last).then_some(last)
    };
    wait::until("the heap to be at rest", unchanged).await.0
}

#[tokio::test]
async fn a_call_allocates_no_more_than_it_did() {
    allocates_at_most(&[]).await;
}

/// The limits allocate nothing of a call that they let pass, whatever they tell callers apart by.
#[tokio::test]
async fn limits_allocate_nothing() {
    let rates = r#"[{ name = "agents", match = "/helloworld.Greeter/*", per = "metadata:user-agent", quota = "1000000/s" },
        { name = "peers", per = "peer", quota = "1000000/s" }, { name = "calls", quota = "1000000/s" }]"#;
    let shares = r#"[{ name = "shares", per = "peer", limit = 1000 }, { name = "all", limit = 1000 },
        { name = "greetings", match = "/helloworld.Greeter/SayHello", limit = 1000 }]"#;
    allocates_at_most(&[("ROOTCAP_RATE_LIMIT", rates), ("ROOTCAP_CONCURRENCY", shares)]).await;
}

async fn allocates_at_most(settings: &[(&str, &str)]) {
    let server = Measured::start(&[&[("TOKIO_WORKER_THREADS", "1")], settings].concat()).await;
    load(&server, SHORT).await;
    let mut counts = [0; 2];
    for (count, rounds) in counts.iter_mut().zip([SHORT, LONG]) {
        let before = at_rest(&server).await.allocations;
        load(&server, rounds).await;
        *count = at_rest(&server).await.allocations - before;
    }
    let per_call = (counts[1] - counts[0]) as f64 / MORE;
    println!("{per_call:.2} allocations per call");
    assert!(per_call <= MOST_ALLOCATIONS, "{per_call} allocations per call");
}

/// A busy machine takes a worker its time in the middle of a burst, which is then two: that only adds writes.
const LOADS: usize = 5;

/// What the server has written to its sockets, once all connections are closed.
async fn writes(server: &Measured) -> f64 {
    let closed = async || server.example.admin.connections().await.is_empty().then_some(());
    wait::until("all connections to be closed", closed).await;
    server.example.admin.metrics().await.sum("rootcap_connection_writes_total", &[])
}

#[tokio::test]
async fn calls_in_flight_together_are_answered_in_few_writes() {
    for (workers, most) in MOST_WRITES {
        let server = Measured::start(&[("TOKIO_WORKER_THREADS", workers)]).await;
        let mut per_response = f64::INFINITY;
        for _ in 0..LOADS {
            let before = writes(&server).await;
            load(&server, SHORT).await;
            let short = writes(&server).await - before;
            load(&server, LONG).await;
            let long = writes(&server).await - before - short;
            per_response = per_response.min((long - short) / MORE);
        }
        println!("workers: {workers}; {per_response:.3} writes per response");
        assert!(per_response <= most, "{workers} workers, {per_response} writes per response");
    }
}
