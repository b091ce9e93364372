//! The process's tracer provider: ours, where it has none.

use std::mem;

use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId, global,
    trace::{Span, SpanContext, TraceContextExt, TraceState, Tracer},
};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Makes `provider` the process's, so that `opentelemetry::global::tracer` is of use in handlers. One that is there
/// stays; one that was shut down, as that of a server that has stopped, is none.
pub(super) fn install(provider: &SdkTracerProvider) {
    if !is_set() {
        global::set_tracer_provider(provider.clone());
    }
}

/// Nobody can be asked directly. Without a provider, a span is its parent; with one that was shut down it is no span.
fn is_set() -> bool {
    let parent = SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::NONE,
    );
    let parent_context = Context::new().with_remote_span_context(parent.clone());
    let span = global::tracer("rootcap").start_with_context("probe", &parent_context);
    let is_new = span.span_context().is_valid() && *span.span_context() != parent;
    if span.is_recording() {
        // A sampler that follows no parent has taken it: without an end, it is never exported.
        mem::forget(span);
    }
    is_new
}
