//! The spans of calls, from real connections to a tracer of the user's, and from one server to the next.

use std::{collections::BTreeSet, time::Duration};

use opentelemetry::{
    KeyValue, Value,
    global::BoxedTracer,
    trace::{Status as SpanStatus, TraceContextExt, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use rootcap::{
    Builder, Running,
    config::{Auto, Config, Propagator},
};
use rootcap_layers::Call;
use rootcap_proto::{
    helloworld::{
        HelloReply, HelloRequest,
        greeter_client::GreeterClient,
        greeter_server::{Greeter, GreeterServer},
    },
    testing::{FailRequest, PanicRequest, SleepRequest, StreamRequest},
};
use rootcap_tests::{
    raw::{self, Raw},
    server::{builder, connect, faults, greeter, services},
    wait,
};
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a server's calls leave behind.
#[derive(Clone)]
struct Spans {
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Spans {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        Self { provider, exporter }
    }

    fn builder(&self) -> Builder {
        let tracer = self.provider.tracer("rootcap-tests");
        builder().tracer(BoxedTracer::new(Box::new(tracer)))
    }

    /// The Greeter and Faults, all of whose calls are sampled.
    async fn server(&self, change: impl FnOnce(&mut Config)) -> Running {
        let all = |settings: &mut Config| settings.trace.ratio = Auto::Set(1.0);
        self.builder().configure(all).configure(change).start(services()).await.unwrap()
    }

    /// So many spans, once they have ended.
    async fn ended(&self, count: usize) -> Vec<SpanData> {
        let (spans, _) = wait::until("the spans to end", async || {
            let spans = self.exporter.get_finished_spans().unwrap();
            (spans.len() >= count).then_some(spans)
        })
        .await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        self.exporter.reset();
        spans
    }

    async fn only(&self) -> SpanData {
        self.ended(1).await.remove(0)
    }
}

fn attribute(span: &SpanData, key: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|KeyValue { key: known, .. }| known.as_str() == key);
    found.map(|found| found.value.clone())
}

fn assert_ended_as(span: &SpanData, method: &str, status: &'static str) {
    assert_eq!(span.name, format!("rootcap.testing.Faults/{method}"));
    assert_eq!(attribute(span, "rpc.response.status_code"), Some(status.into()), "{span:#?}");
}

fn with_parent<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("traceparent", PARENT.parse().unwrap());
    request
}

#[tokio::test]
async fn a_call_is_a_span_below_its_callers() {
    let spans = Spans::new();
    let server = spans.server(|_| {}).await;
    greeter(&server).await.say_hello(with_parent(HelloRequest::default())).await.unwrap();
    let span = spans.only().await;
    assert_eq!(span.name, "helloworld.Greeter/SayHello");
    assert_eq!(span.span_context.trace_id().to_string(), &PARENT[3..35]);
    assert_eq!(span.parent_span_id.to_string(), &PARENT[36..52]);
    assert_eq!(span.status, SpanStatus::Unset);
    for (key, value) in [
        ("rpc.system.name", Value::from("grpc")),
        ("rpc.response.status_code", "OK".into()),
        ("network.peer.address", "127.0.0.1".into()),
        ("network.transport", "tcp".into()),
        ("server.address", "127.0.0.1".into()),
        ("server.port", i64::from(server.local_addr().port()).into()),
        ("grpc.recv_msgs", 1.into()),
        ("grpc.sent_msgs", 1.into()),
    ] {
        assert_eq!(attribute(&span, key), Some(value), "{key}");
    }
    assert!(attribute(&span, "user_agent.original").unwrap().as_str().starts_with("tonic/"));
}

#[tokio::test]
async fn a_span_ends_as_its_call_did() {
    let spans = Spans::new();
    let server = spans.server(|_| {}).await;
    let mut client = faults(&server).await;
    let failed = FailRequest { code: Code::Unavailable as i32, message: "gone\u{1b}[2J".into() };
    client.fail(failed).await.unwrap_err();
    let span = spans.only().await;
    assert_ended_as(&span, "Fail", "UNAVAILABLE");
    assert_eq!(span.status, SpanStatus::error("gone\\u{1b}[2J"));

    client.panic(PanicRequest {}).await.unwrap_err();
    assert_ended_as(&spans.only().await, "Panic", "INTERNAL");

    let endless = StreamRequest { count: u32::MAX, size: 10, interval_millis: 1 };
    let mut replies = client.stream(endless).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    assert!(spans.exporter.get_finished_spans().unwrap().is_empty(), "the stream goes on");
    drop(replies);
    let span = spans.only().await;
    assert_ended_as(&span, "Stream", "CANCELLED");
    assert_eq!(span.status, SpanStatus::Unset);

    // The client has a timer of its own, so the call is made by hand: what answers is the server.
    let raw = Raw::connect(server.local_addr()).await;
    let head = raw.head("/rootcap.testing.Faults/Sleep").header("grpc-timeout", "20m");
    raw.call(head, raw::message(&SleepRequest { millis: 600_000 })).await.unwrap();
    let span = spans.only().await;
    assert_ended_as(&span, "Sleep", "DEADLINE_EXCEEDED");
    assert_eq!(attribute(&span, "rejected_by"), Some("deadline".into()));
}

#[tokio::test]
async fn what_a_drain_cuts_has_its_span_too() {
    let spans = Spans::new();
    let server = spans.server(|settings| settings.drain.deadline = Duration::ZERO).await;
    let endless = StreamRequest { count: u32::MAX, size: 10, interval_millis: 1 };
    let mut replies = faults(&server).await.stream(endless).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    server.stop();
    assert!(server.wait().await.unwrap_err().is_cut());
    let span = spans.only().await;
    assert_ended_as(&span, "Stream", "UNAVAILABLE");
    assert!(matches!(span.status, SpanStatus::Error { .. }));
}

#[tokio::test]
async fn health_begins_no_trace_and_an_unknown_method_no_name() {
    let spans = Spans::new();
    let server = spans.server(|_| {}).await;
    let channel = connect(&server).await;
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    let raw = Raw::connect(server.local_addr()).await;
    for path in ["/helloworld.Greeter/NoSuch", "/no.such.Service/Method"] {
        raw.call(raw.head(path), raw::message(&HelloRequest::default())).await.unwrap();
        let span = spans.only().await;
        assert_eq!(span.name, "grpc");
        assert_eq!(attribute(&span, "rpc.method_original"), Some(path[1..].to_owned().into()));
    }
    HealthClient::new(channel).check(with_parent(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(spans.only().await.name, "grpc.health.v1.Health/Check");
}

#[tokio::test]
async fn b3_is_accepted_where_it_is_set() {
    let spans = Spans::new();
    let change = |settings: &mut Config| {
        settings.trace.propagation = vec![Propagator::B3, Propagator::B3Multi];
        settings.trace.ratio = Auto::Set(0.0);
    };
    let server = spans.builder().configure(change).start(services()).await.unwrap();
    let mut client = greeter(&server).await;
    let (trace, parent) = (&PARENT[3..35], &PARENT[36..52]);
    let single = format!("{trace}-{parent}-1");
    let several = [("x-b3-traceid", trace), ("x-b3-spanid", parent), ("x-b3-sampled", "1")];
    for sent in [&[("b3", single.as_str())][..], &several] {
        let mut request = Request::new(HelloRequest::default());
        for (name, value) in sent {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        client.say_hello(request).await.unwrap();
        let span = spans.only().await;
        assert_eq!(span.span_context.trace_id().to_string(), trace);
        assert_eq!(span.parent_span_id.to_string(), parent);
    }
    // What is not looked for is no parent: this call begins a trace, which is not sampled.
    client.say_hello(with_parent(HelloRequest::default())).await.unwrap();
    let mut last = Request::new(HelloRequest::default());
    last.metadata_mut().insert("b3", "1".parse().unwrap());
    client.say_hello(last).await.unwrap();
    assert_ne!(spans.only().await.span_context.trace_id().to_string(), trace);
}

/// Asks the next server, and notes that in the span of its call.
struct Relay(GreeterClient<Channel>);

#[tonic::async_trait]
impl Greeter for Relay {
    async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let mut request = Request::new(HelloRequest::default());
        Call::current().unwrap().inject(request.metadata_mut().as_mut());
        let reply = self.0.clone().say_hello(request).await?;
        let context = opentelemetry::Context::current();
        context.span().add_event("relayed", vec![KeyValue::new("hops", 1)]);
        Ok(reply)
    }
}

#[tokio::test]
async fn a_trace_goes_on_to_the_next_server() {
    let all = [Propagator::B3, Propagator::TraceContext, Propagator::B3Multi];
    for propagator in all {
        let spans = Spans::new();
        let by = |settings: &mut Config| settings.trace.propagation = vec![propagator];
        let next = spans.builder().configure(by).start(services()).await.unwrap();
        let relay = GreeterServer::new(Relay(greeter(&next).await));
        let first = spans
            .builder()
            .configure(by)
            .configure(|settings| settings.trace.ratio = Auto::Set(1.0))
            .start(relay)
            .await
            .unwrap();
        greeter(&first).await.say_hello(HelloRequest::default()).await.unwrap();
        let ended = spans.ended(2).await;
        let root = ended.iter().find(|span| !span.parent_span_is_remote).unwrap();
        let child = ended.iter().find(|span| span.parent_span_is_remote).unwrap();
        assert_eq!(child.span_context.trace_id(), root.span_context.trace_id());
        assert_eq!(child.parent_span_id, root.span_context.span_id());
        assert_eq!(root.events.len(), 1);
    }
}

/// Many at once, on several threads and connections: none is lost, doubled or put under another one's parent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_calls_is_one_span() {
    let spans = Spans::new();
    let server = spans.server(|_| {}).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 1..=8u64 {
        let mut client = greeter(&server).await;
        tasks.spawn(async move {
            for number in 1..=50u64 {
                let mut request = Request::new(HelloRequest::default());
                let parent = format!("00-{task:032x}-{number:016x}-01");
                request.metadata_mut().insert("traceparent", parent.parse().unwrap());
                client.say_hello(request).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let ended = spans.ended(400).await;
    let ids: BTreeSet<_> = ended
        .iter()
        .map(|span| (span.span_context.trace_id().to_string(), span.parent_span_id.to_string()))
        .collect();
    assert_eq!(ids.len(), 400);
}
