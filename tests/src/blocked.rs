//! While every worker of the service's runtime is blocked, the admin port answers, and the process can be ended.

use std::time::{Duration, Instant};

use http::StatusCode;
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{BlockRequest, faults_client::FaultsClient},
};
use rootcap_tests::{example::Example, wait};
use tonic::transport::Channel;

/// A server that has not answered for so long is taken for blocked.
const SILENCE: Duration = Duration::from_secs(1);

async fn channel(example: &Example) -> Channel {
    Channel::from_shared(format!("http://{}", example.address)).unwrap().connect().await.unwrap()
}

/// Blocks workers of `example`, for longer than any test takes, until nothing is served any more.
///
/// That may take fewer calls than there are workers: tokio does not wake a second worker for the one task that the
/// first, which waited for IO, is about to run; when that blocks, nobody waits for IO.
async fn block(example: &Example) {
    let workers = example.admin.metrics().await.sum("rootcap_runtime_workers", &[]) as usize;
    for _ in 0..workers + 2 {
        let mut client = FaultsClient::new(channel(example).await);
        tokio::spawn(async move { client.block(BlockRequest { millis: 600_000 }).await });
        let served = async {
            let mut client = GreeterClient::new(channel(example).await);
            client.say_hello(HelloRequest::default()).await.unwrap();
        };
        if tokio::time::timeout(SILENCE, served).await.is_err() {
            return;
        }
    }
    panic!("more workers than there are serve");
}

/// The worker that waited for IO took up the handler that blocks, and nobody woke the other one.
#[tokio::test]
async fn one_blocked_worker_does_not_hold_up_the_others() {
    let example = Example::start("faults", &[("TOKIO_WORKER_THREADS", "2")]).await;
    let blocking = FaultsClient::new(channel(&example).await);
    let mut client = GreeterClient::new(channel(&example).await);
    for _ in 0..5 {
        let mut block = blocking.clone();
        let blocked =
            tokio::spawn(async move { block.block(BlockRequest { millis: 1_500 }).await });
        example.admin.until("rootcap_calls_in_flight", &[("grpc_method", "Block")], 1.0).await;
        for _ in 0..5 {
            let begin = Instant::now();
            client.say_hello(HelloRequest::default()).await.unwrap();
            let took = begin.elapsed();
            assert!(took < Duration::from_secs(1), "a call waited for {took:?}");
        }
        blocked.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_admin_port_answers() {
    let example = Example::start("faults", &[]).await;
    let idle = channel(&example).await;
    block(&example).await;
    let mut client = GreeterClient::new(idle);
    let probe = tokio::spawn(async move { client.say_hello(HelloRequest::default()).await });
    for page in [
        "/livez",
        "/readyz",
        "/metrics",
        "/info",
        "/connections",
        "/debug/config",
        "/debug/health",
        "/debug/stack",
    ] {
        let begin = Instant::now();
        assert_eq!(example.admin.status(page).await, StatusCode::OK, "{page}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{page}: {:?}", begin.elapsed());
    }
    assert!(!example.admin.connections().await.is_empty());
    assert!(!probe.is_finished(), "all workers are blocked");
    probe.abort();
}

#[tokio::test]
async fn the_process_leaves_at_the_deadline() {
    let mut example = Example::start("faults", &[("ROOTCAP_DRAIN__DEADLINE", "1s")]).await;
    block(&example).await;
    let begin = Instant::now();
    example.signal("TERM");
    let not_ready = async || {
        let status = example.admin.status("/readyz").await;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    };
    wait::until("the drain to begin", not_ready).await;
    let status = example.wait().await;
    let took = begin.elapsed();
    assert_eq!(status.code(), Some(1));
    // The deadline and a second, and the time that a loaded machine lets a process wait.
    assert!((Duration::from_secs(1)..Duration::from_millis(2_700)).contains(&took), "{took:?}");
    let said = example.lines().iter().any(|line| line.contains("the runtime cannot be left"));
    assert!(said, "{:?}", example.lines());
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let mut example = Example::start("faults", &[]).await;
    block(&example).await;
    example.signal("TERM");
    example.line("the first signal's line", |line| line.contains("draining")).await;
    let begin = Instant::now();
    example.signal("TERM");
    assert_eq!(example.wait().await.code(), Some(143));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}
