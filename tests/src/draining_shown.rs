//! What is told of a drain: `/debug/drain` before and during it, and the last line of the log.

use std::time::Duration;

use http::{Method, StatusCode};
use rootcap_proto::testing::{SleepRequest, StreamRequest, faults_client::FaultsClient};
use rootcap_tests::{
    admin::Admin,
    example::Example,
    server::{connect, start},
    wait,
};
use serde_json::Value;
use tonic::{Streaming, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const PAGE: &str = "/debug/drain";
const STREAM: &str = "/rootcap.testing.Faults/Stream";

async fn page(admin: &Admin, query: &str) -> Value {
    let (status, text) = admin.get(&format!("{PAGE}?{query}format=json")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn channel(example: &Example) -> Channel {
    Channel::from_shared(format!("http://{}", example.address)).unwrap().connect().await.unwrap()
}

/// A stream that goes on and on, once its first message has come.
async fn endless(channel: Channel) -> Streaming<rootcap_proto::testing::StreamReply> {
    let request = StreamRequest { count: u32::MAX, size: 10, interval_millis: 10 };
    let mut replies = FaultsClient::new(channel).stream(request).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    replies
}

#[tokio::test]
async fn a_dry_run_says_what_would_hold_up_a_drain_and_how_long_such_calls_live() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let channel = connect(&server).await;
    let request = StreamRequest { count: 2, size: 10, interval_millis: 1 };
    let mut short = FaultsClient::new(channel.clone()).stream(request).await.unwrap().into_inner();
    while short.message().await.unwrap().is_some() {}
    admin.at_rest().await;
    let empty = page(&admin, "dry_run&").await;
    assert_eq!((&empty["open_calls"], &empty["connections"]), (&0.into(), &1.into()), "{empty}");

    let _open = endless(channel.clone()).await;
    // It ends by itself when a drain begins.
    let mut health = HealthClient::new(channel);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    let shown = page(&admin, "dry_run&").await;
    assert_eq!((&shown["phase"], &shown["open_calls"]), (&"serving".into(), &1.into()), "{shown}");
    let (method, call) = (&shown["methods"][0], &shown["calls"][0]);
    assert_eq!((&method["method"], &method["ended"]), (&STREAM.into(), &1.into()), "{shown}");
    assert!(method["half_within_seconds"].is_f64() && method["mean_seconds"].is_f64(), "{shown}");
    let peer = &admin.connections().await[0]["Addr"];
    assert_eq!((&call["method"], &call["peer"]), (&STREAM.into(), peer), "{shown}");
    assert!(call["age_seconds"].as_f64().unwrap() > 0.0, "{shown}");
    // Without a dry run, and without a drain, it is no list of calls.
    assert!(page(&admin, "").await["calls"].as_array().unwrap().is_empty());
    assert_eq!(admin.status("/readyz").await, StatusCode::OK, "looking changes nothing");
}

#[tokio::test]
async fn a_drain_shows_what_it_waits_for_and_the_last_line_tells_what_became_of_it() {
    let settings = [("ROOTCAP_DRAIN__DEADLINE", "3s"), ("ROOTCAP_LOG__CALLS", "off")];
    let mut example = Example::start("faults", &settings).await;
    let mut endless = endless(channel(&example).await).await;
    let mut client = FaultsClient::new(channel(&example).await);
    let finishes = async move { client.sleep(SleepRequest { millis: 1_500 }).await };
    let finishes = tokio::spawn(finishes);
    example.admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;

    let (status, text) = example.admin.send(Method::POST, PAGE, "").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.starts_with("draining; "), "{text}");
    assert!(example.admin.get(PAGE).await.1.starts_with("Draining for "), "it has begun");
    let both = async || {
        let shown = page(&example.admin, "").await;
        (shown["phase"] == "draining" && shown["open_calls"] == 2).then_some(shown)
    };
    let (shown, _) = wait::until("a drain that waits for two calls", both).await;
    assert!(shown["began_seconds_ago"].as_f64().unwrap() < 3.0, "{shown}");
    assert_eq!(example.admin.send(Method::POST, PAGE, "").await.0, StatusCode::CONFLICT);

    finishes.await.unwrap().unwrap();
    let one = async || {
        let shown = page(&example.admin, "").await;
        (shown["open_calls"] == 1).then_some(shown)
    };
    let (shown, _) = wait::until("a drain that waits for one call", one).await;
    assert_eq!(
        (&shown["finished_calls"], &shown["calls"][0]["method"]),
        (&1.into(), &STREAM.into())
    );

    let status = example.wait().await;
    assert_eq!(status.code(), Some(1));
    while let Ok(Some(_)) = endless.message().await {}
    let lines = example.lines();
    let last = lines.iter().rfind(|line| line.contains("drained")).unwrap();
    let line: Value = serde_json::from_str(last).unwrap();
    assert_eq!(
        (&line["level"], &line["finished"], &line["cut"]),
        (&"WARN".into(), &1.into(), &1.into())
    );
    let which = line["which"].as_str().unwrap();
    assert!(
        which.starts_with(&format!("{STREAM} of 127.0.0.1:")) && which.ends_with(" s old"),
        "{which}"
    );
    let took = line["took"].as_str().unwrap().trim_end_matches('s').parse::<f64>().unwrap();
    assert!((3.0..3.7).contains(&took), "{line}");
}

/// Kubernetes sends SIGTERM after a `preStop` that has asked for the drain: it is no second signal.
#[tokio::test]
async fn a_signal_after_a_post_ends_nothing() {
    let mut example = Example::start("faults", &[]).await;
    let mut client = FaultsClient::new(channel(&example).await);
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 1_000 }).await });
    example.admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    assert_eq!(example.admin.send(Method::POST, PAGE, "").await.0, StatusCode::OK);
    example.signal("TERM");
    call.await.unwrap().unwrap();
    assert_eq!(example.wait().await.code(), Some(0));
    let drained = example
        .lines()
        .iter()
        .any(|line| line.contains("\"drained\"") && line.contains("\"finished\":1"));
    assert!(drained, "{:?}", example.lines());
}

/// The process must leave in time after a request, too.
#[tokio::test]
async fn a_post_ends_a_process_whose_workers_are_blocked() {
    let settings = [("ROOTCAP_DRAIN__DEADLINE", "1s"), ("TOKIO_WORKER_THREADS", "1")];
    let mut example = Example::start("faults", &settings).await;
    let mut client = FaultsClient::new(channel(&example).await);
    let block = rootcap_proto::testing::BlockRequest { millis: 20_000 };
    let call = tokio::spawn(async move { client.block(block).await });
    example.admin.until("rootcap_calls_in_flight", &[("grpc_method", "Block")], 1.0).await;
    let begin = std::time::Instant::now();
    assert_eq!(example.admin.send(Method::POST, PAGE, "").await.0, StatusCode::OK);
    assert_eq!(example.wait().await.code(), Some(1));
    assert!(begin.elapsed() < Duration::from_millis(2_700), "{:?}", begin.elapsed());
    let told = |part: &str| example.lines().iter().any(|line| line.contains(part));
    assert!(told("cannot be left") && told(".Faults/Block of 127.0.0.1:"), "{:?}", example.lines());
    call.await.unwrap().unwrap_err();
}

/// Its connection has gone, and with it, it was thought, the call: a drain waited for nothing that it could name.
#[tokio::test]
async fn a_handler_that_goes_on_after_its_caller_has_gone_is_waited_for_and_shown() {
    let mut example = Example::start("faults", &[]).await;
    let (admin, channel) = (example.admin, channel(&example).await);
    let mut client = FaultsClient::new(channel);
    let block = rootcap_proto::testing::BlockRequest { millis: 3_000 };
    let call = tokio::spawn(async move { client.block(block).await });
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Block")], 1.0).await;
    call.abort();
    let gone = async || admin.connections().await.is_empty().then_some(());
    wait::until("the connection to go", gone).await;
    let shown = page(&admin, "dry_run&").await;
    assert_eq!((&shown["open_calls"], &shown["connections"]), (&1.into(), &0.into()), "{shown}");
    assert_eq!(shown["calls"][0]["method"], "/rootcap.testing.Faults/Block", "{shown}");
    let ended = async || (page(&admin, "dry_run&").await["open_calls"] == 0).then_some(());
    wait::until("the handler to end", ended).await;
    example.signal("TERM");
    assert_eq!(example.wait().await.code(), Some(0));
}
