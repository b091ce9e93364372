//! Each fault, seen by a client that calls the generated server directly: no socket, and time is paused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::{FutureExt, TryStreamExt, stream};
use rootcap_proto::testing::faults_client::FaultsClient;
use rootcap_proto::testing::faults_server::FaultsServer;
use rootcap_proto::testing::{
    ChatRequest, CollectRequest, EchoRequest, FailMidStreamRequest, FailRequest,
    IgnoreCancelRequest, PanicMidStreamRequest, PanicRequest, SleepRequest, StreamRequest,
};
use tokio::time::Instant;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::faults_plan::Phase;

use super::{FaultsService, MAX_PAYLOAD, SECRET_PANIC_TEXT};

fn client() -> FaultsClient<FaultsServer<FaultsService>> {
    FaultsClient::new(FaultsServer::new(FaultsService))
}

#[tokio::test]
async fn echo_returns_the_payload_and_the_metadata_that_asks_for_it() {
    let mut request = Request::new(EchoRequest { payload: "text".into() });
    let sent = request.metadata_mut();
    sent.append("x-echo-a", "1".parse().unwrap());
    sent.append("x-echo-a", "2".parse().unwrap());
    sent.append_bin("x-echo-b-bin", MetadataValue::from_bytes(&[0, 255]));
    sent.append("x-other", "3".parse().unwrap());

    let response = client().echo(request).await.unwrap();
    let values: Vec<_> = response.metadata().get_all("x-echo-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    let binary = response.metadata().get_bin("x-echo-b-bin").unwrap();
    assert_eq!(binary.to_bytes().unwrap()[..], [0, 255]);
    assert!(response.metadata().get("x-other").is_none());
    assert_eq!(response.into_inner().payload[..], *b"text");
}

#[tokio::test]
async fn fail_ends_with_every_code_but_ok() {
    for code in 1..=16 {
        let message = format!("number {code}");
        let request = FailRequest { code, message: message.clone() };
        let status = client().fail(request).await.unwrap_err();
        assert_eq!(status.code() as i32, code);
        assert_eq!(status.message(), message);
    }
    for code in [-1, 0, 17] {
        let request = FailRequest { code, ..Default::default() };
        let status = client().fail(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().unwrap()
}

#[tokio::test]
async fn panic_panics_in_the_handler() {
    let mut client = client();
    let call = std::panic::AssertUnwindSafe(client.panic(PanicRequest {}));
    let panic = call.catch_unwind().await.unwrap_err();
    assert!(panic_text(&*panic).contains(SECRET_PANIC_TEXT));
}

#[tokio::test]
async fn panic_mid_stream_sends_its_messages_first() {
    let request = PanicMidStreamRequest { after: 3 };
    let mut replies = client().panic_mid_stream(request).await.unwrap().into_inner();
    for index in 0..3 {
        assert_eq!(replies.message().await.unwrap().unwrap().index, index);
    }
    let next = std::panic::AssertUnwindSafe(replies.message());
    let panic = next.catch_unwind().await.unwrap_err();
    assert!(panic_text(&*panic).contains(SECRET_PANIC_TEXT));
}

#[tokio::test(start_paused = true)]
async fn sleep_takes_its_time() {
    let start = Instant::now();
    client().sleep(SleepRequest { millis: 250 }).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn ignore_cancel_works_on_when_its_caller_is_gone() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let mut client = client();
    let call = client.ignore_cancel(IgnoreCancelRequest { millis: 250 });
    assert!(tokio::time::timeout(Duration::from_millis(10), call).await.is_err());
    assert_eq!(metrics.num_alive_tasks(), 1, "the work goes on");
    tokio::time::sleep(Duration::from_millis(250)).await;
    tokio::task::yield_now().await;
    assert_eq!(metrics.num_alive_tasks(), 0, "the work is done");
}

#[tokio::test(start_paused = true)]
async fn stream_sends_count_messages_of_size_bytes_with_pauses_between() {
    let start = Instant::now();
    let request = StreamRequest { count: 3, size: 1_000, interval_millis: 40 };
    let replies = client().stream(request).await.unwrap().into_inner();
    let replies: Vec<_> = replies.try_collect().await.unwrap();
    let sizes: Vec<_> = replies.iter().map(|reply| reply.payload.len()).collect();
    assert_eq!(sizes, [1_000; 3]);
    assert_eq!(start.elapsed(), Duration::from_millis(80));
}

#[tokio::test]
async fn stream_refuses_a_payload_that_is_too_large() {
    let request = StreamRequest { count: 1, size: MAX_PAYLOAD + 1, interval_millis: 0 };
    let status = client().stream(request).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn fail_mid_stream_sends_its_messages_first() {
    let request = FailMidStreamRequest { after: 2, code: Code::DataLoss as i32 };
    let mut replies = client().fail_mid_stream(request).await.unwrap().into_inner();
    for index in 0..2 {
        assert_eq!(replies.message().await.unwrap().unwrap().index, index);
    }
    assert_eq!(replies.message().await.unwrap_err().code(), Code::DataLoss);
}

/// A request with one fault.
fn with<T>(message: T, phase: Phase, fault: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(phase.key(), fault.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn a_wait_comes_in_its_phase() {
    let requests = || stream::iter(["a", "b"].map(|it| ChatRequest { payload: it.into() }));
    let phases = [(Phase::Before, [50, 50, 50]), (Phase::Middle, [0, 50, 50])];
    for (phase, expected) in phases.into_iter().chain([(Phase::After, [0, 0, 50])]) {
        let start = Instant::now();
        let replies = client().chat(with(requests(), phase, "50")).await.unwrap();
        let mut replies = replies.into_inner();
        for expected in expected {
            replies.message().await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_millis(expected), "{phase:?}");
        }
    }
}

#[tokio::test]
async fn a_fault_that_is_none_is_refused() {
    for fault in ["", "soon", "-1"] {
        let request = with(EchoRequest::default(), Phase::Before, fault);
        let status = client().echo(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{fault}");
    }
}

#[tokio::test]
async fn collect_counts_messages_and_bytes() {
    let requests = ["a", "", "bcd"].map(|payload| CollectRequest { payload: payload.into() });
    let reply = client().collect(stream::iter(requests)).await.unwrap();
    let reply = reply.into_inner();
    assert_eq!((reply.messages, reply.bytes), (3, 4));
}

#[tokio::test]
async fn chat_answers_each_message_before_the_next_is_sent() {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut replies = client().chat(requests).await.unwrap().into_inner();
    for payload in ["one", "two"] {
        let request = ChatRequest { payload: payload.into() };
        sender.send(request).await.unwrap();
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.payload, payload);
    }
    drop(sender);
    assert!(replies.message().await.unwrap().is_none());
}
