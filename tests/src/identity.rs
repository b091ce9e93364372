//! Who a call is: its request id and its trace.

use opentelemetry::trace::TraceContextExt;
use rootcap::config::Auto;
use rootcap_layers::Call;
use rootcap_proto::{
    helloworld::{
        HelloReply, HelloRequest,
        greeter_server::{Greeter, GreeterServer},
    },
    testing::StreamRequest,
};
use rootcap_tests::{
    raw::{self, Raw},
    server::{builder, faults, greeter, start},
};
use tonic::{Request, Response, Status, metadata::MetadataValue};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Answers with what a handler knows of its call: request id, trace id, span id, whether sampled, trace state.
struct WhoAmI;

#[tonic::async_trait]
impl Greeter for WhoAmI {
    async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        // Across an await too, which may move the handler to another thread.
        tokio::task::yield_now().await;
        let call = Call::current().unwrap();
        let otel = opentelemetry::Context::current();
        let span = otel.span().span_context().clone();
        let known = [
            call.request_id().as_str().to_owned(),
            span.trace_id().to_string(),
            span.span_id().to_string(),
            span.is_sampled().to_string(),
            span.trace_state().header(),
        ];
        Ok(Response::new(HelloReply { message: known.join(" ") }))
    }
}

/// What the handler knew, and the request id of the response's metadata.
async fn known(metadata: &[(&'static str, &str)]) -> (Vec<String>, String) {
    let server = builder().start(GreeterServer::new(WhoAmI)).await.unwrap();
    let mut request = Request::new(HelloRequest::default());
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let reply = greeter(&server).await.say_hello(request).await.unwrap();
    let id = reply.metadata().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    (reply.into_inner().message.split(' ').map(str::to_owned).collect(), id)
}

#[tokio::test]
async fn a_request_id_is_kept_and_returned() {
    let longest = "~".repeat(128);
    for sent in ["!", "client-chosen.id:1/2", &longest] {
        let (known, returned) = known(&[("x-request-id", sent)]).await;
        assert_eq!((known[0].as_str(), returned.as_str()), (sent, sent));
    }
}

#[tokio::test]
async fn an_unacceptable_request_id_is_replaced() {
    let long = "a".repeat(129);
    for sent in ["", "has blank", "tab\tbed", &long] {
        let (known, returned) = known(&[("x-request-id", sent)]).await;
        assert_eq!(known[0], returned);
        assert_ne!(returned, sent);
        assert!((8..=128).contains(&returned.len()), "{returned}");
    }
}

#[tokio::test]
async fn a_request_id_is_made_and_no_two_are_the_same() {
    let server = builder().start(GreeterServer::new(WhoAmI)).await.unwrap();
    let mut client = greeter(&server).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..100 {
        let reply = client.say_hello(HelloRequest::default()).await.unwrap();
        ids.insert(reply.metadata().get("x-request-id").cloned().unwrap());
    }
    assert_eq!(ids.len(), 100);
}

#[tokio::test]
async fn a_request_id_of_other_bytes_is_replaced() {
    let server = start(|_| {}).await;
    let raw = Raw::connect(server.local_addr()).await;
    let id = http::HeaderValue::from_bytes(b"caf\xc3\xa9 \xff").unwrap();
    let head = raw.head("/helloworld.Greeter/SayHello").header("x-request-id", id);
    let ended = raw.call(head, raw::message(&HelloRequest::default())).await.unwrap();
    assert_eq!(ended.grpc_status(), "0");
    assert!(ended.headers["x-request-id"].to_str().unwrap().is_ascii());
}

#[tokio::test]
async fn failures_and_streams_return_the_request_id_too() {
    let server = start(|_| {}).await;
    let id = MetadataValue::from_static("mine");
    let mut client = faults(&server).await;
    let mut request =
        Request::new(rootcap_proto::testing::FailRequest { code: 5, message: String::new() });
    request.metadata_mut().insert("x-request-id", id.clone());
    let status = client.fail(request).await.unwrap_err();
    assert_eq!(status.metadata().get("x-request-id"), Some(&id));
    let mut request = Request::new(StreamRequest::default());
    request.metadata_mut().insert("x-request-id", id.clone());
    let replies = client.stream(request).await.unwrap();
    assert_eq!(replies.metadata().get("x-request-id"), Some(&id));
}

#[tokio::test]
async fn the_callers_trace_is_the_handlers_context() {
    let metadata = [("traceparent", PARENT), ("tracestate", "vendor=value,other=1")];
    let (known, _) = known(&metadata).await;
    assert_eq!(known[1], TRACE_ID);
    assert_ne!(known[2], "00f067aa0ba902b7", "the call is a span of its own");
    assert_eq!((known[3].as_str(), known[4].as_str()), ("true", "vendor=value,other=1"));
}

#[tokio::test]
async fn an_unsampled_parent_stays_unsampled() {
    let parent = PARENT.replace("-01", "-00");
    let (known, _) = known(&[("traceparent", &parent)]).await;
    assert_eq!((known[1].as_str(), known[3].as_str()), (TRACE_ID, "false"));
}

#[tokio::test]
async fn without_a_valid_parent_a_trace_is_made() {
    let zeros = PARENT.replace(TRACE_ID, &"0".repeat(32));
    for metadata in [&[][..], &[("traceparent", "nonsense")], &[("traceparent", zeros.as_str())]] {
        let (known, _) = known(metadata).await;
        assert_eq!(known[1].len(), 32);
        assert!(known[1] != "0".repeat(32) && known[1] != TRACE_ID, "{metadata:?}: {known:?}");
        assert_ne!(known[2], "0".repeat(16));
    }
}

#[tokio::test]
async fn a_ratio_of_one_samples_what_has_no_parent() {
    let server = builder()
        .configure(|settings| settings.trace.ratio = Auto::Set(1.0))
        .start(GreeterServer::new(WhoAmI))
        .await
        .unwrap();
    let reply = greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();
    assert!(reply.into_inner().message.contains(" true"));
}
