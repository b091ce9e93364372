//! How a process ends: signals, deadlines, and peers that do not help.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use http::StatusCode;
use rootcap::config::Config;
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{SleepRequest, StreamRequest, faults_client::FaultsClient},
};
use rootcap_tests::{
    admin::Admin,
    example::{self, Example},
    frames::Frames,
    raw::{self, Raw},
    server::{connect, faults, start},
    wait,
};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Far less than the deadline, and far more than a loaded machine needs to end a process.
const PROMPTLY: Duration = Duration::from_secs(4);
/// The deadline is kept by timers of a process that may have to wait for a processor.
const SLACK: Duration = Duration::from_millis(700);

async fn channel(example: &Example) -> Channel {
    Channel::from_shared(format!("http://{}", example.address)).unwrap().connect().await.unwrap()
}

/// A call that is in flight when this returns.
async fn sleeping(
    example: &Example,
    millis: u32,
) -> tokio::task::JoinHandle<Result<(), tonic::Status>> {
    let mut client = FaultsClient::new(channel(example).await);
    let call = async move { client.sleep(SleepRequest { millis }).await.map(drop) };
    let call = tokio::spawn(call);
    example.admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    call
}

/// Sends a signal and waits for the end: its exit code, and how long it took.
async fn end(example: &mut Example, signal: &str) -> (Option<i32>, Duration) {
    let begin = Instant::now();
    example.signal(signal);
    let status = example.wait().await;
    (status.code(), begin.elapsed())
}

#[tokio::test]
async fn with_nothing_open_it_ends_promptly() {
    for signal in ["TERM", "INT"] {
        let mut example = Example::start("greeter", &[]).await;
        let (code, took) = end(&mut example, signal).await;
        assert_eq!(code, Some(0), "SIG{signal}: {:?}", example.lines());
        assert!(took < PROMPTLY, "SIG{signal}: {took:?}");
    }
}

/// A signal that comes once it has served does nothing any more.
///
/// The handlers of signals were installed only after the program had been told that its server had started.
#[tokio::test]
async fn a_signal_at_the_very_start_is_a_drain_and_one_after_the_end_is_nothing() {
    let path = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    let mut command = example::program(path, &[("TEST_SIGNAL", "yes")]);
    let output = wait::for_end("the drain", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn a_call_in_flight_finishes() {
    let mut example = Example::start("faults", &[]).await;
    let call = sleeping(&example, 1_000).await;
    let (code, took) = end(&mut example, "TERM").await;
    call.await.unwrap().unwrap();
    assert_eq!(code, Some(0));
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test]
async fn no_new_connection_is_accepted_while_it_drains() {
    let mut example = Example::start("faults", &[]).await;
    let call = sleeping(&example, 1_500).await;
    example.signal("TERM");
    let address = example.address;
    let refused = async || TcpStream::connect(address).await.is_err().then_some(());
    wait::until("connections to be refused", refused).await;
    assert_eq!(example.admin.status("/livez").await, StatusCode::OK);
    let (status, reasons) = example.admin.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(reasons.contains("draining"), "{reasons}");
    call.await.unwrap().unwrap();
    assert!(example.wait().await.success());
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_it_up() {
    let mut example = Example::start("greeter", &[]).await;
    let silent = TcpStream::connect(example.address).await.unwrap();
    let accepted = async || (!example.admin.connections().await.is_empty()).then_some(());
    wait::until("the connection to be accepted", accepted).await;
    let (code, took) = end(&mut example, "TERM").await;
    assert_eq!(code, Some(0));
    assert!(took < PROMPTLY, "{took:?}");
    drop(silent);
}

/// It answers neither the GOAWAY nor the PING of a graceful end.
#[tokio::test]
async fn a_peer_that_acknowledges_nothing_does_not_hold_it_up() {
    let mut example = Example::start("greeter", &[]).await;
    let mut peer = Frames::connect(example.address).await;
    assert!(peer.answers().await);
    let (code, took) = end(&mut example, "TERM").await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn an_endless_stream_is_cut_at_the_deadline() {
    let mut example = Example::start("faults", &[("ROOTCAP_DRAIN__DEADLINE", "1s")]).await;
    let request = StreamRequest { count: u32::MAX, size: 10, interval_millis: 10 };
    let mut replies =
        FaultsClient::new(channel(&example).await).stream(request).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    let (code, took) = end(&mut example, "TERM").await;
    assert_eq!(code, Some(1), "{:?}", example.lines());
    let deadline = Duration::from_secs(1);
    assert!((deadline..deadline * 2 + SLACK).contains(&took), "{took:?}");
    let cut = loop {
        match replies.message().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    cut.unwrap_err();
    let said = example.lines().iter().any(|line| line.contains("cut 1 call "));
    assert!(said, "{:?}", example.lines());
}

#[tokio::test]
async fn a_stream_whose_reader_stalls_is_cut_at_the_deadline() {
    let mut example = Example::start("faults", &[("ROOTCAP_DRAIN__DEADLINE", "1s")]).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::connect_with(example.address, &builder).await;
    let request = StreamRequest { count: u32::MAX, size: 10_000, interval_millis: 0 };
    let head = raw.head("/rootcap.testing.Faults/Stream");
    let _stalled = raw.begin(head, raw::message(&request)).await.unwrap();
    let (code, took) = end(&mut example, "TERM").await;
    assert_eq!(code, Some(1), "{:?}", example.lines());
    let deadline = Duration::from_secs(1);
    assert!((deadline..deadline * 2 + SLACK).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (second, expected) in [("TERM", 143), ("INT", 130)] {
        let mut example = Example::start("faults", &[]).await;
        let _call = sleeping(&example, 600_000).await;
        example.signal("TERM");
        let draining = async || {
            let status = example.admin.status("/readyz").await;
            (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        };
        wait::until("the drain to begin", draining).await;
        let (code, took) = end(&mut example, second).await;
        assert_eq!(code, Some(expected));
        assert!(took < PROMPTLY, "{took:?}");
    }
}

#[tokio::test]
async fn a_lame_duck_serves_and_says_that_it_is_not_ready() {
    let mut example = Example::start("greeter", &[("ROOTCAP_DRAIN__LAME_DUCK", "2s")]).await;
    assert_eq!(example.admin.status("/readyz").await, StatusCode::OK);
    let mut health = HealthClient::new(channel(&example).await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);

    let begin = Instant::now();
    example.signal("TERM");
    assert_eq!(wait::for_end("the change", watch.message()).await.unwrap().unwrap().status, 2);
    for page in ["/readyz", "/healthz"] {
        assert_eq!(example.admin.status(page).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(example.admin.status("/livez").await, StatusCode::OK);
    let mut client = GreeterClient::new(channel(&example).await);
    client.say_hello(HelloRequest::default()).await.unwrap();
    let service = HealthCheckRequest { service: "helloworld.Greeter".into() };
    assert_eq!(health.check(service).await.unwrap().into_inner().status, 2);

    assert!(
        wait::for_end("the watch", watch.message()).await.unwrap().is_none(),
        "it ends with OK"
    );
    assert!(begin.elapsed() >= Duration::from_secs(2));
    assert!(example.wait().await.success());
}

#[tokio::test]
async fn an_interrupt_skips_the_lame_duck() {
    let mut example = Example::start("greeter", &[("ROOTCAP_DRAIN__LAME_DUCK", "20s")]).await;
    let (code, took) = end(&mut example, "INT").await;
    assert_eq!(code, Some(0));
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test]
async fn a_handle_stops_its_server_and_waits_for_calls() {
    let server = start(|_| {}).await;
    let mut client = faults(&server).await;
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 300 }).await });
    Admin::of(&server).until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    let (address, admin) = (server.local_addr(), server.admin_addr().unwrap());
    server.stop();
    wait::for_end("the drain", server.wait()).await.unwrap();
    call.await.unwrap().unwrap();
    std::net::TcpListener::bind(address).unwrap();
    std::net::TcpListener::bind(admin).unwrap();
}

#[tokio::test]
async fn a_handle_that_is_dropped_stops_its_server() {
    let server = start(|_| {}).await;
    let address = server.local_addr();
    drop(server);
    let refused = async || TcpStream::connect(address).await.is_err().then_some(());
    wait::until("connections to be refused", refused).await;
}

#[tokio::test]
async fn a_handle_tells_that_calls_were_cut() {
    let server =
        start(|settings: &mut Config| settings.drain.deadline = Duration::from_millis(200)).await;
    let mut client = FaultsClient::new(connect(&server).await);
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 600_000 }).await });
    Admin::of(&server).until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    server.stop();
    let error = wait::for_end("the drain", server.wait()).await.unwrap_err();
    assert!(error.is_cut());
    call.await.unwrap().unwrap_err();
}
