//! The process leaves within the drain's deadline and a second, whatever holds it up, with the exit code that is
//! documented. See also `blocked.rs` and `draining.rs`.

use std::{
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{IgnoreCancelRequest, faults_client::FaultsClient},
};
use rootcap_tests::{
    example::{self, Example},
    frames::Frames,
    wait,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
};

const DEADLINE: Duration = Duration::from_secs(1);
/// Timers of a process that may have to wait for a processor.
const SLACK: Duration = Duration::from_millis(700);

async fn start(settings: &[(&str, &str)]) -> Example {
    let settings = [&[("ROOTCAP_DRAIN__DEADLINE", "1s")], settings].concat();
    Example::start("faults", &settings).await
}

/// Sends SIGTERM and waits for the end, which must come in time.
async fn leaves(example: &mut Example) -> ExitStatus {
    let begun = Instant::now();
    example.signal("TERM");
    let status = example.wait().await;
    let took = begun.elapsed();
    assert!(took < DEADLINE + Duration::from_secs(1) + SLACK, "{took:?}: {:?}", example.lines());
    status
}

#[tokio::test]
async fn a_handler_that_ignores_cancellation() {
    let mut example = start(&[]).await;
    let address = format!("http://{}", example.address);
    let mut client = FaultsClient::connect(address).await.unwrap();
    let request = IgnoreCancelRequest { millis: 600_000 };
    let call = tokio::spawn(async move { client.ignore_cancel(request).await });
    let method = [("grpc_method", "IgnoreCancel")];
    example.admin.until("rootcap_calls_in_flight", &method, 1.0).await;
    assert_eq!(leaves(&mut example).await.code(), Some(1));
    call.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn peers_that_are_silent_before_the_preface_and_after_it() {
    let mut example = start(&[]).await;
    let silent = TcpStream::connect(example.address).await.unwrap();
    let mut greeted = Frames::connect(example.address).await;
    // Acknowledges nothing from here on.
    assert!(greeted.answers().await);
    let both = async || (example.admin.connections().await.len() == 2).then_some(());
    wait::until("two connections", both).await;
    assert_eq!(leaves(&mut example).await.code(), Some(0), "no call was cut");
    drop(silent);
}

/// The pipe is full, and the log's thread waits for it to be read.
#[tokio::test]
async fn a_log_that_nobody_reads() {
    let settings = [("ROOTCAP_DRAIN__DEADLINE", "1s"), ("ROOTCAP_LOG__FORMAT", "json")];
    let mut command = example::command("greeter", &settings);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if let Some(address) = line.strip_prefix("listening on ") {
            break address.to_owned();
        }
    };
    let mut client = GreeterClient::connect(format!("http://{address}")).await.unwrap();
    // Two lines each, far more than a pipe holds.
    for _ in 0..500 {
        client.say_hello(HelloRequest { name: "x".repeat(100) }).await.unwrap();
    }
    let begun = Instant::now();
    let kill = format!("kill -TERM {}", child.id().unwrap());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let status = wait::for_end("the end of the process", child.wait()).await.unwrap();
    let took = begun.elapsed();
    assert!(took < DEADLINE + Duration::from_secs(1) + SLACK, "{took:?}");
    assert_eq!(status.code(), Some(0), "no call was cut");
    // Held to the end: a pipe that is closed would be an error for who writes, and no wait.
    drop(lines);
}
