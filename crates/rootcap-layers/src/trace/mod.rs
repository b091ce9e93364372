//! Trace context: which trace a call belongs to (W3C Trace Context, level 1), and whether it is sampled.

mod preset;
pub(crate) mod recorded;
mod sampler;
mod traceparent;

pub use preset::{preset_span_id, preset_trace_id};
pub use sampler::Sampler;
pub use traceparent::{ParseError, TraceParent};

use std::str::FromStr;

use http::HeaderMap;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};

/// The longest `tracestate` that is passed on, in bytes (W3C Trace Context, 3.3.1.5: at least 512).
const MAX_TRACESTATE: usize = 512;

/// The trace that a call belongs to, and the call's own span in it.
#[derive(Debug, Clone)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    parent: Option<SpanId>,
    flags: TraceFlags,
    state: TraceState,
}

impl TraceContext {
    /// The caller's trace, if `traceparent` is well-formed, else a new one; in both cases with a new span.
    ///
    /// A caller's decision to sample is followed; `sampler` decides for a new trace (W3C Trace Context, 4.3).
    pub fn accept(headers: &HeaderMap, sampler: &Sampler) -> Self {
        match parent(headers) {
            Some(parent) => Self {
                trace_id: parent.trace_id,
                span_id: new_span_id(),
                parent: Some(parent.span_id),
                flags: sampler.flags(parent.trace_id, Some(parent.flags)),
                state: tracestate(headers),
            },
            None => {
                let trace_id = TraceId::from(fastrand::u128(1..));
                Self {
                    trace_id,
                    span_id: new_span_id(),
                    parent: None,
                    flags: sampler.flags(trace_id, None),
                    state: TraceState::NONE,
                }
            }
        }
    }

    /// The trace's id: 128 bits, never zero.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The id of this call's span: 64 bits, never zero.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The caller's span, where the caller sent one.
    pub fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// Takes over what a tracer made of it: the ids of the span that it started.
    fn adopt(&mut self, span: &SpanContext) {
        self.trace_id = span.trace_id();
        self.span_id = span.span_id();
        self.flags = span.trace_flags();
        self.state = span.trace_state().clone();
    }

    /// The OpenTelemetry context that the call's span is started in: the caller's span, with the decision that was
    /// taken here; nothing for a new trace.
    fn parent_context(&self) -> Context {
        let Some(parent) = self.parent else { return Context::new() };
        let span = SpanContext::new(self.trace_id, parent, self.flags, true, self.state.clone());
        Context::new().with_remote_span_context(span)
    }

    /// The OpenTelemetry context that the handler of a call without a recorded span sees as the current one.
    pub(crate) fn to_otel(&self) -> Context {
        let span =
            SpanContext::new(self.trace_id, self.span_id, self.flags, false, self.state.clone());
        Context::new().with_remote_span_context(span)
    }
}

fn new_span_id() -> SpanId {
    SpanId::from(fastrand::u64(1..))
}

fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?;
    // More than one is as good as none (W3C Trace Context, 4.2).
    if values.next().is_some() {
        return None;
    }
    TraceParent::parse(value.as_bytes()).ok()
}

/// An unacceptable `tracestate` is dropped, and the trace goes on without it (W3C Trace Context, 3.3).
fn tracestate(headers: &HeaderMap) -> TraceState {
    let mut joined = String::new();
    for value in headers.get_all("tracestate") {
        let Ok(value) = value.to_str() else {
            return TraceState::NONE;
        };
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(value);
        if joined.len() > MAX_TRACESTATE {
            return TraceState::NONE;
        }
    }
    TraceState::from_str(&joined).unwrap_or(TraceState::NONE)
}

#[cfg(test)]
mod tests;
