//! What is exported of what a handler makes with `tracing`, and what is not even built.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use opentelemetry::{
    SpanId, TraceId,
    trace::{FutureExt, TracerProvider},
};
use opentelemetry_sdk::trace::{
    IdGenerator, InMemorySpanExporter, Sampler as SdkSampler, SdkTracerProvider, SpanData,
};
use rootcap_layers::{
    Call, Methods,
    access_log::AccessLog,
    observe::{ObserveLayer, Spans},
    trace::Sampler,
};
use tower::{Layer as _, ServiceExt, service_fn};
use tracing::{Instrument, debug_span, info, info_span, trace_span, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{filter::filter_fn, layer::SubscriberExt};

use super::*;
use crate::{
    config::LogFormat,
    telemetry::{
        logs::{
            LogSettings,
            tests::{ALONE, TestLog, alone},
        },
        span_ids::SpanIds,
    },
};

/// Counts the spans that are built.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl IdGenerator for Counted {
    fn new_trace_id(&self) -> TraceId {
        SpanIds.new_trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        self.0.fetch_add(1, Relaxed);
        SpanIds.new_span_id()
    }
}

/// A log whose process exports spans, and what was exported.
struct Exporting {
    log: TestLog,
    built: Counted,
    tracer: Arc<BoxedTracer>,
    exporter: InMemorySpanExporter,
}

impl Exporting {
    fn new(filter: &str) -> Self {
        let (exporter, built) = (InMemorySpanExporter::default(), Counted::default());
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_sampler(SdkSampler::ParentBased(Box::new(SdkSampler::AlwaysOn)))
            .with_id_generator(built.clone())
            .build();
        let tracer = Arc::new(BoxedTracer::new(Box::new(provider.tracer("test"))));
        let settings = LogSettings {
            format: LogFormat::Json,
            filter: filter.into(),
            children: Some(ChildTracer::default()),
            ..LogSettings::default()
        };
        let log = TestLog::with(settings);
        log.logs.export_children(&tracer);
        Self { log, built, tracer, exporter }
    }

    /// Serves one call with this handler, sampled or not.
    fn serve<F: Future<Output = ()>>(&self, sampler: Sampler, handler: impl Fn() -> F) {
        self.log.run(|| self.serve_under(Spans::Off, sampler, handler));
    }

    /// The same under the subscriber that is there.
    fn serve_under<F: Future<Output = ()>>(
        &self,
        spans: Spans,
        sampler: Sampler,
        handler: impl Fn() -> F,
    ) {
        let access_log: AccessLog = self.log.logs.access_log();
        let service = service_fn(|_| async {
            handler().await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let methods = Arc::new(Methods::builder().service("a.B").build());
        let observe = ObserveLayer::new(access_log, methods)
            .sampler(sampler)
            .spans(spans)
            .tracer(Arc::clone(&self.tracer));
        let request = Request::builder().uri("/a.B/C").body(Empty::<Bytes>::new()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        drop(runtime.block_on(observe.layer(service).oneshot(request)));
    }

    fn serve_sampled<F: Future<Output = ()>>(&self, handler: impl Fn() -> F) -> Vec<SpanData> {
        self.serve(Sampler::ratio(1.0), handler);
        self.take()
    }

    fn take(&self) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().unwrap();
        self.exporter.reset();
        spans
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("{name} among {spans:#?}"))
}

fn assert_parent(spans: &[SpanData], child: &str, parent: &str) {
    let (child, parent) = (named(spans, child), named(spans, parent));
    assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{}", child.name);
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
}

#[tracing::instrument]
async fn look_up(key: &str) {
    tokio::task::yield_now().await;
    info_span!("query", rows = 3).in_scope(|| info!("asked the database"));
    tokio::task::yield_now().await;
}

#[test]
fn spans_of_a_handler_are_children_of_its_call() {
    let exporting = Exporting::new("info");
    let spans = exporting.serve_sampled(|| look_up("k"));
    assert_eq!(spans.len(), 3);
    assert_parent(&spans, "look_up", "a.B/C");
    assert_parent(&spans, "query", "look_up");
    let query = named(&spans, "query");
    assert!(query.attributes.iter().any(|attribute| attribute.key.as_str() == "rows"));
    assert_eq!(query.events.len(), 1);
    let lines = exporting.log.values();
    let event = lines.iter().find(|line| line["message"] == "asked the database").unwrap();
    assert_eq!(event["spans"], "look_up:query");
    assert_eq!(event["trace_id"], query.span_context.trace_id().to_string());
    // The line names the span of the call, as the other lines of the call do.
    assert_eq!(event["span_id"], named(&spans, "a.B/C").span_context.span_id().to_string());
}

#[test]
fn nothing_is_built_for_a_call_that_is_not_sampled() {
    let exporting = Exporting::new("info");
    exporting.serve(Sampler::PARENT, || look_up("k"));
    exporting.log.run(|| info_span!("outside of calls").in_scope(|| info!("too")));
    assert_eq!(exporting.built.0.load(Relaxed), 0);
    exporting.serve_sampled(|| look_up("k"));
    assert_eq!(exporting.built.0.load(Relaxed), 3);
}

#[test]
fn the_filter_of_the_log_has_no_say_in_what_is_exported() {
    async fn handler() {
        info_span!("child", field = 1).in_scope(|| warn!("within"));
        debug_span!("debug").in_scope(|| trace_span!("trace").in_scope(|| ()));
    }
    for (filter, spans_of_line) in
        [("info", "child"), ("trace", "child"), ("warn", ""), ("off", "")]
    {
        let exporting = Exporting::new(filter);
        let spans = exporting.serve_sampled(handler);
        assert_eq!(spans.len(), 2, "{filter}: {spans:#?}");
        assert_parent(&spans, "child", "a.B/C");
        let lines = exporting.log.values();
        let line = lines.iter().find(|line| line["message"] == "within");
        assert_eq!(line.is_some(), filter != "off", "{filter}");
        if let Some(line) = line {
            // What the log leaves out is left out of its lines too.
            assert_eq!(
                line.get("spans").map_or("", |spans| spans.as_str().unwrap()),
                spans_of_line
            );
            assert_eq!(line.get("field").is_some(), filter != "warn");
        }
    }
}

#[test]
fn the_filter_decides_about_the_lines_of_calls_all_the_same() {
    let exporting = Exporting::new("warn");
    // Where there is one subscriber, and it is not the process's, `tracing` finds it only on the thread that has it.
    let set = |filter| exporting.log.run(|| exporting.log.logs.set_filter(filter).unwrap());
    let count = || {
        exporting.serve_sampled(|| async {});
        exporting.log.values().iter().filter(|line| line["grpc.method"] == "C").count()
    };
    // Without a body there is no status: the end is UNKNOWN, which is the server's own affair.
    assert_eq!(count(), 1);
    set("info");
    assert_eq!(count(), 2);
    set("info,rootcap::call=off");
    assert_eq!(count(), 0);
    set("off,[some_span]=trace");
    assert_eq!(count(), 0);
}

/// An optional layer had no filter of its own, so that nothing was turned down once and for all.
#[test]
fn what_the_log_leaves_out_costs_nothing_where_nothing_is_exported() {
    if std::env::var_os(ALONE).is_none() {
        // With the subscribers of other tests beside it, `tracing` would ask each time.
        alone(module_path!(), "what_the_log_leaves_out_costs_nothing_where_nothing_is_exported");
        return;
    }
    let log = TestLog::new(LogFormat::Json, "info,quiet=off");
    log.run(|| {
        assert!(tracing::enabled!(target: "loud", Level::INFO));
        assert!(!tracing::enabled!(target: "quiet", Level::INFO));
        assert!(!tracing::enabled!(target: "loud", Level::DEBUG));
    });
    assert_eq!(log.lines(), [""; 0]);
}

#[test]
fn a_task_keeps_its_parent_where_it_is_given_one() {
    let exporting = Exporting::new("info");
    let spans = exporting.serve_sampled(|| async {
        let with_context = async { info_span!("in a context").in_scope(|| ()) };
        tokio::spawn(with_context.with_context(OtelContext::current())).await.unwrap();
        let instrumented = async { info_span!("in a span").in_scope(|| ()) };
        tokio::spawn(instrumented.instrument(info_span!("task"))).await.unwrap();
        tokio::spawn(async { info_span!("on its own").in_scope(|| ()) }).await.unwrap();
    });
    assert_eq!(spans.len(), 4);
    assert_parent(&spans, "in a context", "a.B/C");
    assert_parent(&spans, "task", "a.B/C");
    assert_parent(&spans, "in a span", "task");
}

#[test]
fn the_extension_of_tracing_opentelemetry_works() {
    let exporting = Exporting::new("info");
    let spans = exporting.serve_sampled(|| async {
        let span = info_span!("child");
        span.set_attribute("set", "later");
        let inside = span.in_scope(|| {
            let mut headers = http::HeaderMap::new();
            Call::current().unwrap().inject(&mut headers);
            headers["traceparent"].to_str().unwrap().to_owned()
        });
        assert_eq!(inside[36..52], span.context().span().span_context().span_id().to_string());
    });
    let child = named(&spans, "child");
    assert!(child.attributes.iter().any(|attribute| attribute.key.as_str() == "set"));
    assert_parent(&spans, "child", "a.B/C");
}

#[test]
fn without_a_tracer_there_is_nothing() {
    let settings = LogSettings { children: Some(ChildTracer::default()), ..LogSettings::default() };
    let log = TestLog::with(settings);
    let context =
        OtelContext::new().with_remote_span_context(opentelemetry::trace::SpanContext::new(
            TraceId::from(1),
            SpanId::from(2),
            opentelemetry::TraceFlags::SAMPLED,
            false,
            opentelemetry::trace::TraceState::NONE,
        ));
    let _current = context.attach();
    log.run(|| info_span!("child").in_scope(|| info!("within")));
    assert_eq!(log.lines().len(), 1);
}

/// A process with a subscriber of its own, which exports by its own `tracing-opentelemetry`: the call is a `tracing`
/// span there.
#[test]
fn under_another_subscriber_the_parents_are_right_too() {
    let exporting = Exporting::new("info");
    let layer = || OpenTelemetryLayer::new(Tracing(Arc::clone(&exporting.tracer)));
    let serve = |subscriber: tracing::Dispatch| {
        tracing::dispatcher::with_default(&subscriber, || {
            exporting.serve_under(Spans::On, Sampler::ratio(1.0), || look_up("k"));
        });
        exporting.take()
    };
    let spans = serve(tracing_subscriber::registry().with(layer()).into());
    // The call's span in the eyes of `tracing` is exported too, and has ended with the call.
    assert_eq!(spans.len(), 4, "{spans:#?}");
    assert_parent(&spans, "call", "a.B/C");
    assert_parent(&spans, "look_up", "call");
    // As the documentation says how to leave it out.
    let others = filter_fn(|metadata| metadata.target() != access_log::TARGET);
    let spans = serve(tracing_subscriber::registry().with(layer().with_filter(others)).into());
    assert_eq!(spans.len(), 3);
    assert_parent(&spans, "look_up", "a.B/C");
    assert_parent(&spans, "query", "look_up");
}

/// A tracer as users have them.
struct Tracing(Arc<BoxedTracer>);

impl Tracer for Tracing {
    type Span = BoxedSpan;

    fn build_with_context(&self, builder: SpanBuilder, parent: &OtelContext) -> BoxedSpan {
        self.0.build_with_context(builder, parent)
    }
}
