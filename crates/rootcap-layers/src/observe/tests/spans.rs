//! The spans of sampled calls.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, Request};
use opentelemetry::{
    Context, KeyValue, SpanId, TraceId, Value,
    global::BoxedTracer,
    trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{
    IdGenerator, InMemorySpanExporter, RandomIdGenerator, Sampler as SdkSampler, SdkTracerProvider,
    SpanData,
};
use tonic::Code;
use tower::ServiceBuilder;

use super::{Ends, MESSAGE_STEP};
use crate::{
    Call, CatchPanicLayer, DeadlineLayer, MethodKind, Methods, Origin, Outcome, Peer,
    contract::{Script, Seen, Stack, Step, Steps, next},
    observe::ObserveLayer,
    trace::{Sampler, preset_span_id, preset_trace_id},
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Ids as a server's generator gives them.
#[derive(Debug)]
struct Preset;

impl IdGenerator for Preset {
    fn new_trace_id(&self) -> TraceId {
        preset_trace_id().unwrap_or_else(|| RandomIdGenerator::default().new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        preset_span_id().unwrap_or_else(|| RandomIdGenerator::default().new_span_id())
    }
}

/// A service `a.B` with a described method `C`, whose sampled calls are recorded.
struct Recorded {
    stack: Stack,
    ends: Arc<Ends>,
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Recorded {
    fn new() -> Self {
        Self::sampling(Sampler::ratio(1.0), SdkSampler::AlwaysOn, Preset)
    }

    fn sampling(sampler: Sampler, sdk: SdkSampler, ids: impl IdGenerator + 'static) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_sampler(sdk)
            .with_id_generator(ids)
            .build();
        let tracer = Arc::new(BoxedTracer::new(Box::new(provider.tracer("test"))));
        let ends = Arc::new(Ends::default());
        let methods = Arc::new(Methods::builder().service("a.B").build());
        let observe = ObserveLayer::new(Arc::clone(&ends), methods).sampler(sampler).tracer(tracer);
        let layers = ServiceBuilder::new()
            .layer(observe)
            .layer(CatchPanicLayer::new())
            .layer(DeadlineLayer::new())
            .into_inner();
        Self { stack: Stack::new(layers), ends, provider, exporter }
    }

    async fn run(&self, request: Request<Steps>) -> (SpanData, Call, Outcome) {
        if let Ok(response) = self.stack.send(request).await {
            Seen::read(response).await;
        }
        let (call, outcome) = self.ends.take();
        (self.take(), call, outcome)
    }

    /// The only span since the last time.
    fn take(&self) -> SpanData {
        let mut spans = self.take_all();
        assert_eq!(spans.len(), 1, "a call's span ends once: {spans:#?}");
        spans.remove(0)
    }

    fn take_all(&self) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().unwrap();
        self.exporter.reset();
        spans
    }
}

fn attributes(span: &SpanData) -> HashMap<&str, Value> {
    let attributes: HashMap<_, _> = span
        .attributes
        .iter()
        .map(|KeyValue { key, value, .. }| (key.as_str(), value.clone()))
        .collect();
    assert_eq!(attributes.len(), span.attributes.len(), "no key comes twice: {span:#?}");
    attributes
}

fn request_to(path: &str, script: Script) -> Request<Steps> {
    let mut request = script.request();
    *request.uri_mut() = path.parse().unwrap();
    request
}

fn with_parent(script: Script, parent: &'static str) -> Request<Steps> {
    let mut request = script.request();
    request.headers_mut().insert("traceparent", HeaderValue::from_static(parent));
    request
}

#[tokio::test]
async fn a_span_tells_what_is_known_of_its_call() {
    let recorded = Recorded::new();
    recorded.run(Script::unary().request()).await;
    let mut request = with_parent(Script::unary(), PARENT);
    *request.uri_mut() = "http://greeter.example:8081/a.B/C".parse().unwrap();
    request.headers_mut().insert("tracestate", HeaderValue::from_static("a=b"));
    request.headers_mut().insert("user-agent", HeaderValue::from_static("grpc-go/1.80"));
    request.extensions_mut().insert(Arc::new(
        Peer::new(SocketAddr::from(([10, 0, 0, 7], 4711))).identity("spiffe://example/caller"),
    ));
    let (span, call, outcome) = recorded.run(request).await;
    assert_eq!((span.name.as_ref(), &span.span_kind), ("a.B/C", &SpanKind::Server));
    assert_eq!(span.span_context.trace_id(), call.trace().trace_id());
    assert_eq!(span.span_context.span_id(), call.trace().span_id());
    assert_eq!(span.span_context.trace_state().header(), "a=b");
    assert_eq!(span.span_context.trace_id().to_string(), &PARENT[3..35]);
    assert_eq!(span.parent_span_id.to_string(), &PARENT[36..52]);
    assert!(span.parent_span_is_remote);
    assert_eq!(span.status, Status::Unset);
    assert_eq!(span.start_time, call.started_at());
    assert_eq!(span.end_time, call.started_at() + outcome.duration());
    let expected: HashMap<&str, Value> = HashMap::from([
        ("rpc.system.name", "grpc".into()),
        ("rpc.method", "a.B/C".into()),
        ("rpc.response.status_code", "OK".into()),
        ("request_id", call.request_id().to_string().into()),
        ("client.address", "10.0.0.7".into()),
        ("client.port", 4711.into()),
        ("network.peer.address", "10.0.0.7".into()),
        ("network.peer.port", 4711.into()),
        ("network.transport", "tcp".into()),
        ("network.type", "ipv4".into()),
        ("peer.identity", "spiffe://example/caller".into()),
        ("server.address", "greeter.example".into()),
        ("server.port", 8081.into()),
        ("user_agent.original", "grpc-go/1.80".into()),
        ("grpc.recv_msgs", 0.into()),
        ("grpc.recv_bytes", 0.into()),
        ("grpc.sent_msgs", 1.into()),
        ("grpc.sent_bytes", 8.into()),
    ]);
    assert_eq!(attributes(&span), expected);
}

#[tokio::test]
async fn the_status_is_an_error_only_for_what_is_the_servers_fault() {
    let recorded = Recorded::new();
    let trailers = |status| Script::body(&[MESSAGE_STEP, Step::Yield, Step::Trailers(status)]);
    for (script, status, fails) in [
        (Script::unary(), "OK", false),
        (Script::stream(), "OK", false),
        (Script::status("5"), "NOT_FOUND", false),
        (trailers("1"), "CANCELLED", false),
        (trailers("2"), "UNKNOWN", true),
        (trailers("3"), "INVALID_ARGUMENT", false),
        (trailers("4"), "DEADLINE_EXCEEDED", true),
        (trailers("8"), "RESOURCE_EXHAUSTED", false),
        (trailers("12"), "UNIMPLEMENTED", true),
        (trailers("13"), "INTERNAL", true),
        (trailers("14"), "UNAVAILABLE", true),
        (trailers("15"), "DATA_LOSS", true),
        (trailers("16"), "UNAUTHENTICATED", false),
        (Script::body(&[MESSAGE_STEP]), "UNKNOWN", true),
        (Script::body(&[MESSAGE_STEP, Step::Fail]), "INTERNAL", true),
        (Script::head(&[Step::Fail]), "INTERNAL", true),
    ] {
        let (span, ..) = recorded.run(script.clone().request()).await;
        let attributes = attributes(&span);
        assert_eq!(attributes["rpc.response.status_code"], status.into(), "{script:?}");
        assert_eq!(attributes.get("error.type").cloned(), fails.then(|| status.into()));
        assert_eq!(matches!(span.status, Status::Error { .. }), fails, "{script:?}");
    }
}

#[tokio::test]
async fn panics_and_rejections_end_the_span_too() {
    let recorded = Recorded::new();
    for script in [
        Script { call: vec![Step::Panic], ..Script::unary() },
        Script::head(&[Step::Yield, Step::Panic]),
        Script::body(&[MESSAGE_STEP, Step::Yield, Step::Panic]),
        Script::body(&[MESSAGE_STEP, Step::PanicWhenDropped, Step::Panic]),
    ] {
        let (span, call, _) = recorded.run(script.request()).await;
        assert_eq!(attributes(&span)["rpc.response.status_code"], "INTERNAL".into());
        let message = format!("internal error; request id {}", call.request_id());
        assert_eq!(span.status, Status::error(message));
    }
    let mut late = request_to("/a.B/Late", Script::unary());
    late.headers_mut().insert("grpc-timeout", HeaderValue::from_static("0n"));
    let (span, ..) = recorded.run(late).await;
    let attributes = attributes(&span);
    assert_eq!(attributes["rpc.response.status_code"], "DEADLINE_EXCEEDED".into());
    assert_eq!(attributes["rejected_by"], "deadline".into());
    assert_eq!(span.name, "grpc", "nothing has shown yet that there is such a method");
}

#[tokio::test]
async fn what_is_dropped_ends_its_span_as_cancelled() {
    let recorded = Recorded::new();
    let mut pending = tokio_test::task::spawn(recorded.stack.call(Script::head(&[Step::Hang])));
    assert!(pending.poll().is_pending());
    assert!(recorded.take_all().is_empty(), "it is still open");
    drop(pending);
    recorded.ends.take();
    assert_eq!(attributes(&recorded.take())["rpc.response.status_code"], "CANCELLED".into());

    for read in 0..=2 {
        let mut body = recorded.stack.call(Script::stream()).await.unwrap().into_body();
        for _ in 0..read {
            next(&mut body).await.unwrap().unwrap();
        }
        assert!(recorded.take_all().is_empty(), "it is still open");
        drop(body);
        recorded.ends.take();
        let span = recorded.take();
        let attributes = attributes(&span);
        assert_eq!(attributes["rpc.response.status_code"], "CANCELLED".into());
        assert_eq!(attributes["grpc.sent_msgs"], read.into());
        assert_eq!(span.status, Status::Unset, "the caller went away");
    }
}

#[tokio::test]
async fn a_caller_cannot_name_a_span() {
    let recorded = Recorded::new();
    let long = format!("/x.{}/M", "y".repeat(1_000));
    for path in ["/no.Such/Method", "/a.B/None", "/", "/a.B/%1b[31m", long.as_str()] {
        let (span, ..) = recorded.run(request_to(path, Script::status("12"))).await;
        assert_eq!(span.name, "grpc", "{path}");
        let attributes = attributes(&span);
        assert_eq!(attributes["rpc.method"], "_OTHER".into());
        let original = attributes["rpc.method_original"].to_string();
        assert!(path[1..].starts_with(original.trim_end_matches("...")), "{original}");
        assert!(original.len() < 300);
    }
}

#[tokio::test]
async fn a_method_that_answers_names_its_span() {
    let recorded = Recorded::new();
    for script in [Script::unary(), Script::unary(), Script::status("12")] {
        let (span, ..) = recorded.run(script.request()).await;
        assert_eq!(span.name, "a.B/C");
        let attributes = attributes(&span);
        assert_eq!(attributes["rpc.method"], "a.B/C".into());
        assert!(!attributes.contains_key("rpc.method_original"));
    }
}

#[tokio::test]
async fn nothing_is_built_for_a_call_that_is_not_sampled() {
    let recorded = Recorded::sampling(Sampler::PARENT, SdkSampler::AlwaysOn, Unasked);
    for request in [
        Script::unary().request(),
        with_parent(Script::stream(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
    ] {
        Seen::read(recorded.stack.send(request).await.unwrap()).await;
        let (call, _) = recorded.ends.take();
        assert!(!call.trace().is_sampled() && recorded.take_all().is_empty());
    }
}

/// Panics when a span is built.
#[derive(Debug)]
struct Unasked;

impl IdGenerator for Unasked {
    fn new_trace_id(&self) -> TraceId {
        unreachable!("a span is built")
    }

    fn new_span_id(&self) -> SpanId {
        unreachable!("a span is built")
    }
}

#[tokio::test]
async fn the_call_takes_over_ids_that_a_tracer_makes() {
    let recorded =
        Recorded::sampling(Sampler::ratio(1.0), SdkSampler::AlwaysOn, RandomIdGenerator::default());
    for request in [Script::unary().request(), with_parent(Script::unary(), PARENT)] {
        let (span, call, _) = recorded.run(request).await;
        assert_eq!(span.span_context.trace_id(), call.trace().trace_id());
        assert_eq!(span.span_context.span_id(), call.trace().span_id());
    }
}

#[tokio::test]
async fn the_ratio_is_decided_by_the_id_that_is_used() {
    // A sampler of OpenTelemetry's with the same ratio, behind ours: were it to see other ids than ours does, it would
    // drop nine of ten spans.
    let sdk = SdkSampler::ParentBased(Box::new(SdkSampler::TraceIdRatioBased(0.1)));
    let recorded = Recorded::sampling(Sampler::parent_based(0.1), sdk, Preset);
    let mut sampled = 0;
    for _ in 0..2_000 {
        Seen::read(recorded.stack.call(Script::unary()).await.unwrap()).await;
        let (call, _) = recorded.ends.take();
        sampled += usize::from(call.trace().is_sampled());
    }
    assert_eq!(recorded.take_all().len(), sampled);
    // Six standard deviations of 2,000 draws at 10 %.
    assert!((120..=280).contains(&sampled), "{sampled}");
}

#[tokio::test]
async fn a_decision_of_ours_against_the_callers_reaches_the_tracer() {
    let sdk = SdkSampler::ParentBased(Box::new(SdkSampler::AlwaysOff));
    let recorded = Recorded::sampling(Sampler::ratio(1.0), sdk, Preset);
    let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let (span, ..) = recorded.run(with_parent(Script::unary(), unsampled)).await;
    assert_eq!(span.parent_span_id.to_string(), &PARENT[36..52]);
}

#[tokio::test]
async fn a_provider_that_was_shut_down_ends_no_call() {
    let recorded = Recorded::new();
    let open = recorded.stack.call(Script::stream()).await.unwrap();
    recorded.provider.shutdown().unwrap();
    Seen::read(open).await;
    assert_eq!(recorded.ends.take().1.code(), Code::Ok);
    Seen::read(recorded.stack.call(Script::unary()).await.unwrap()).await;
    let (call, outcome) = recorded.ends.take();
    assert_eq!(outcome.code(), Code::Ok);
    assert!(call.trace().span_id() != SpanId::INVALID && call.trace().is_sampled());
}

/// What a handler does to the call's span, at each poll.
fn annotate() {
    let span = Context::current().span().span_context().clone();
    let call = Call::current().unwrap();
    assert_eq!(span.span_id(), call.trace().span_id());
    Context::current().span().add_event("polled", vec![]);
}

#[tokio::test]
async fn a_handler_adds_to_the_span_and_makes_children() {
    let recorded = Recorded::new();
    let annotate = Step::Run(annotate);
    let script = Script {
        head: vec![annotate.clone(), Step::Yield, annotate.clone()],
        body: vec![annotate.clone(), MESSAGE_STEP, Step::Yield, annotate, Step::Trailers("0")],
        ..Script::default()
    };
    let (span, ..) = recorded.run(script.request()).await;
    assert_eq!(span.events.len(), 4);

    let tracer = recorded.provider.tracer("handler");
    let mut body = recorded.stack.call(Script::stream()).await.unwrap().into_body();
    next(&mut body).await.unwrap().unwrap();
    drop(body);
    let (call, _) = recorded.ends.take();
    let server = recorded.take();
    // As in a task that the handler spawned and that outlives the call.
    let scope = call.enter();
    tracer.start("child").set_late_attribute();
    drop(scope);
    let child = recorded.take();
    assert_eq!(child.parent_span_id, server.span_context.span_id());
    assert_eq!(child.span_context.trace_id(), server.span_context.trace_id());
    assert!(!child.parent_span_is_remote);
}

trait SetLateAttribute {
    fn set_late_attribute(self);
}

impl<S: opentelemetry::trace::Span> SetLateAttribute for S {
    fn set_late_attribute(mut self) {
        self.set_attribute(KeyValue::new("late", true));
        Context::current().span().set_attribute(KeyValue::new("too late", true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_span_lasts_as_long_as_its_call() {
    let recorded = Recorded::new();
    let open = recorded.stack.call(Script::stream()).await.unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    Seen::read(open).await;
    let span = recorded.take();
    assert_eq!(span.end_time.duration_since(span.start_time).unwrap(), Duration::from_secs(5));
}

#[tokio::test]
async fn builtin_methods_begin_no_trace() {
    let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::Builtin).build();
    let ends = Arc::new(Ends::default());
    let observe =
        ObserveLayer::new(Arc::clone(&ends), Arc::new(methods)).sampler(Sampler::ratio(1.0));
    let stack = Stack::new(observe);
    for (request, sampled) in
        [(Script::unary().request(), false), (with_parent(Script::unary(), PARENT), true)]
    {
        Seen::read(stack.send(request).await.unwrap()).await;
        assert_eq!(ends.take().0.trace().is_sampled(), sampled);
    }
}
