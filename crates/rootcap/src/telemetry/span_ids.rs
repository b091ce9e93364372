//! The ids of exported spans.

use opentelemetry::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use rootcap_layers::trace::{preset_span_id, preset_trace_id};

/// Gives the span of a call the ids that the call has already, and any other span random ones.
///
/// Whether a call is sampled is decided by its trace id, before anything is built. With these ids the sampler of the
/// provider, and that of every service downstream, decides about the same number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SpanIds;

impl IdGenerator for SpanIds {
    fn new_trace_id(&self) -> TraceId {
        preset_trace_id().unwrap_or_else(|| TraceId::from(fastrand::u128(1..)))
    }

    fn new_span_id(&self) -> SpanId {
        preset_span_id().unwrap_or_else(|| SpanId::from(fastrand::u64(1..)))
    }
}
