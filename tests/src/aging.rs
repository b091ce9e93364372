//! Connections at their age, under load: who follows GOAWAY loses nothing.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rootcap_proto::testing::{EchoRequest, SleepRequest, faults_client::FaultsClient};
use rootcap_tests::{example::Example, programs, wait};
use tokio::{process::Command, task::JoinSet};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

const CLOSED: &str = "rootcap_connections_closed_total";
const CALLS: usize = 100_000;

async fn connect(server: &Example) -> Channel {
    Endpoint::from_shared(format!("http://{}", server.address)).unwrap().connect().await.unwrap()
}

/// Calls until all calls together have been begun; gives the first failure.
async fn call(channel: Channel, begun: Arc<AtomicUsize>) -> Result<(), Status> {
    let mut client = FaultsClient::new(channel);
    while begun.fetch_add(1, Relaxed) < CALLS {
        while let Err(status) = client.echo(EchoRequest::default()).await {
            crossed(status)?;
        }
    }
    Ok(())
}

/// A call that crossed the GOAWAY. Other clients send it again by themselves ("transparent retry"); this one leaves that to
/// its user. It was never sent, or the server has said that it did not take it up (RFC 9113, 6.8). What the server counts
/// tells whether that is true: a call that it took up, and whose answer was lost, would be counted twice.
fn crossed(status: Status) -> Result<(), Status> {
    let mut source = std::error::Error::source(&status);
    while let Some(error) = source {
        let unsent = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
        let h2 = error.downcast_ref::<h2::Error>();
        let not_taken_up = h2.is_some_and(|error| {
            error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR)
        });
        // h2's client closes a connection that has no call open, with those that it has queued to be opened.
        let io = error.downcast_ref::<io::Error>();
        let queued = io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if unsent || not_taken_up || queued {
            return Ok(());
        }
        source = error.source();
    }
    Err(status)
}

/// One call after the other that is longer than a connection's age.
async fn long_calls(channel: Channel, begun: Arc<AtomicUsize>) -> Result<(), Status> {
    let mut client = FaultsClient::new(channel);
    while begun.load(Relaxed) < CALLS {
        if let Err(status) = client.sleep(SleepRequest { millis: 1_500 }).await {
            crossed(status)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_calls_over_connections_of_a_second_are_all_answered() {
    let settings = [("ROOTCAP_CONNECTION__MAX_AGE", "1s"), ("ROOTCAP_LOG__CALLS", "off")];
    let server = Example::start("faults", &settings).await;
    let (begun, mut clients) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..4 {
        let channel = connect(&server).await;
        for _ in 0..25 {
            clients.spawn(call(channel.clone(), Arc::clone(&begun)));
        }
        clients.spawn(long_calls(channel, Arc::clone(&begun)));
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap().expect("no call is lost");
    }
    let metrics = server.admin.metrics().await;
    assert!(metrics.sum(CLOSED, &[("reason", "max_age")]) >= 8.0, "{}", metrics.text());
    // One more would be a call that was answered, and whose answer was lost. Those that the client breaks off itself, by
    // closing with a request half sent, have other codes, and it sends them again.
    assert_eq!(metrics.handled("Echo", "OK"), CALLS as f64, "{:?}", metrics.codes("Echo"));
    for method in ["Echo", "Sleep"] {
        assert_eq!(metrics.handled(method, "Unavailable"), 0.0, "none was cut by the server");
    }
    let cut = |line: &String| line.contains("cut a connection");
    assert!(!server.lines().iter().any(cut), "{:?}", server.lines());
}

/// grpcio sends calls again that crossed the GOAWAY: its user sees none of them fail.
#[tokio::test]
async fn grpcio_follows_goaway_and_loses_nothing() {
    const SCRIPT: &str = "import sys, threading, grpc\n\
        def run():\n    \
            with grpc.insecure_channel(sys.argv[1], [('grpc.use_local_subchannel_pool', 1)]) as channel:\n        \
                echo = channel.unary_unary('/rootcap.testing.Faults/Echo')\n        \
                for _ in range(int(sys.argv[2])): echo(b''); done.append(1)\n\
        done = []\n\
        threads = [threading.Thread(target=run) for _ in range(4)]\n\
        [thread.start() for thread in threads]; [thread.join() for thread in threads]\n\
        print(len(done))";
    let Some(python) = programs::python() else { return };
    let settings = [("ROOTCAP_CONNECTION__MAX_AGE", "300ms"), ("ROOTCAP_LOG__CALLS", "off")];
    let server = Example::start("faults", &settings).await;
    let address = server.address.to_string();
    // One client after the other, so that on a busy machine none takes longer than what is waited for.
    for _ in 0..4 {
        let mut command = Command::new(&python);
        command.args(["-c", SCRIPT, &address, "500"]).kill_on_drop(true);
        let output = wait::for_end("grpcio", command.output()).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "2000", "{output:?}");
    }
    let metrics = server.admin.metrics().await;
    assert_eq!(metrics.handled("Echo", "OK"), 8_000.0);
    assert!(metrics.sum(CLOSED, &[("reason", "max_age")]) >= 4.0, "{}", metrics.text());
}

/// Only a call that outlasts the grace is cut, and that is told.
#[tokio::test]
async fn a_call_that_outlasts_the_grace_is_cut() {
    let settings =
        [("ROOTCAP_CONNECTION__MAX_AGE", "1s"), ("ROOTCAP_CONNECTION__MAX_AGE_GRACE", "2s")];
    let server = Example::start("faults", &settings).await;
    let mut client = FaultsClient::new(connect(&server).await);
    let began = Instant::now();
    let sleep = client.sleep(SleepRequest { millis: 600_000 });
    let cut = wait::for_end("the cut", sleep).await.unwrap_err();
    let took = began.elapsed();
    assert_ne!(cut.code(), Code::Ok);
    // 10 % less than the age, and the grace.
    assert!(took >= Duration::from_millis(2_800), "{took:?}");
    assert!(took < Duration::from_secs(6), "{took:?}");
    let line = server.line("the line of the cut", |line| line.contains("cut a connection")).await;
    assert!(line.contains("\"reason\":\"max_age\""), "{line}");
}
