//! What a handler makes itself, with `tracing` or with OpenTelemetry, is exported below the span of its call.

use std::path::Path;

use opentelemetry_proto::tonic::trace::v1::Span;
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    example::{self, Example},
    otlp::Sink,
};
use tonic::Request;

use super::channel;

const CALL: &str = "helloworld.Greeter/SayHello";

/// The test server, which exports to `sink`, with these settings besides.
async fn start(sink: &Sink, settings: &[(&str, &str)]) -> Example {
    let endpoint = sink.endpoint();
    let settings = [&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())], settings].concat();
    let path = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    Example::spawn(example::program(path, &settings)).await
}

/// Calls once, as a part of the trace of this number that its caller samples or not.
async fn call(example: &Example, trace: u64, flags: &str) {
    let mut request = Request::new(HelloRequest::default());
    let parent = format!("00-{trace:032x}-{trace:016x}-{flags}");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    GreeterClient::new(channel(example).await).say_hello(request).await.unwrap();
}

/// The spans of the only call that is exported, by name, the call's own first.
async fn spans(sink: &Sink, example: &mut Example) -> Vec<Span> {
    example.signal("TERM");
    assert!(example.wait().await.success());
    let mut spans = sink.got(|got| got.spans.clone());
    spans.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(spans.first().map(|span| span.name.as_str()), Some(CALL), "{spans:#?}");
    spans
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_below_their_call_whatever_the_log_leaves_out() {
    for filter in ["info", "off", "trace"] {
        let sink = Sink::start().await;
        let mut example = start(&sink, &[("RUST_LOG", filter)]).await;
        call(&example, 1, "00").await;
        call(&example, 2, "01").await;
        let spans = spans(&sink, &mut example).await;
        assert_eq!(names(&spans), [CALL, "recorded", "traced"], "{filter}");
        let of_call = &spans[0];
        for child in &spans[1..] {
            assert_eq!(child.parent_span_id, of_call.span_id, "{}", child.name);
            assert_eq!(child.trace_id, 2u128.to_be_bytes());
        }
        assert_eq!(of_call.parent_span_id, 2u64.to_be_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_of_the_programs_own_is_left_alone() {
    let sink = Sink::start().await;
    let mut example = start(&sink, &[("TEST_SUBSCRIBER", "yes")]).await;
    call(&example, 2, "01").await;
    let spans = spans(&sink, &mut example).await;
    assert_eq!(names(&spans), [CALL, "recorded"]);
    assert_eq!(spans[1].parent_span_id, spans[0].span_id);
}
