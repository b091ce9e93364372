//! Log lines as JSON, and a sample of the spans to OpenTelemetry.

use std::error::Error;

use http::Request;
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// Of the callers that have not decided themselves.
const RATIO: f64 = 0.01;

/// Throws spans away: what a collector's protocol costs is not part of a call.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// Installs the subscriber of the process.
pub(crate) fn install() -> Result<(), Box<dyn Error>> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(RATIO))))
        .with_batch_exporter(Nowhere)
        .build();
    let tracer = provider.tracer("assembled");
    global::set_tracer_provider(provider);
    tracing_subscriber::registry()
        .with(EnvFilter::new("info"))
        // The span of a call is in its lines; the list of all spans around it would say it twice.
        .with(fmt::layer().json().with_span_list(false))
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .try_init()?;
    Ok(())
}

/// Begins the span of a call, in the trace of its caller if there is one.
pub(crate) fn span<B>(request: &Request<B>) -> Span {
    let span = tracing::info_span!(
        "call",
        otel.kind = "server",
        rpc.method = request.uri().path(),
        request_id = Empty,
    );
    if let Some(id) = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()) {
        span.record("request_id", id);
    }
    if request.headers().contains_key("traceparent") {
        let headers = HeaderExtractor(request.headers());
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
        // Fails only without a subscriber for it.
        let _ = span.set_parent(parent);
    }
    span
}
