//! Trace context: which trace a call belongs to (W3C Trace Context, level 1, or B3), and whether it is sampled.
//!
//! A sampled call is a span, if [`ObserveLayer::tracer`](crate::observe::ObserveLayer::tracer) says who makes it. It is
//! current, with its OpenTelemetry context, while the handler and its streams run: what the handler makes there is below
//! it. A task that the handler spawns has no context but the one that it is given:
//!
//! ```
//! use opentelemetry::{Context, KeyValue, trace::{FutureExt, TraceContextExt}};
//! use tracing::Instrument;
//!
//! async fn handler() {
//!     // On the span of the call itself.
//!     Context::current().span().set_attribute(KeyValue::new("customer.tier", "gold"));
//!     // Below it, also where it goes on after the call.
//!     tokio::spawn(send_receipt().with_context(Context::current()));
//!     // Below a span of its own, made with `tracing`.
//!     tokio::spawn(send_receipt().instrument(tracing::info_span!("receipt")));
//! }
//!
//! #[tracing::instrument]
//! async fn send_receipt() {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() { handler().await }
//! ```
//!
//! [`Call::inject`](crate::Call::inject) writes the context into the requests that a handler makes.

mod b3;
mod preset;
mod propagation;
pub(crate) mod recorded;
mod sampler;
mod traceparent;

pub use b3::{B3, Decision, Multiple, ParseError as B3Error};
pub use preset::{preset_span_id, preset_trace_id};
use propagation::Received;
pub(crate) use propagation::is_header;
pub use propagation::{Propagation, Propagator};
pub use sampler::Sampler;
pub use traceparent::{ParseError, TraceParent};

use http::HeaderMap;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};

/// The trace that a call belongs to, and the call's own span in it.
#[derive(Debug, Clone)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    parent: Option<SpanId>,
    flags: TraceFlags,
    /// By B3, which passes it on.
    debugged: bool,
    state: TraceState,
}

impl TraceContext {
    /// The caller's trace, if the headers of a known way are well-formed, else a new one; in both cases with a new
    /// span.
    ///
    /// A caller's decision to sample is followed; `sampler` decides where the caller has not, as for a new trace (W3C
    /// Trace Context, 4.3).
    pub fn accept(headers: &HeaderMap, propagation: &Propagation, sampler: &Sampler) -> Self {
        Self::of(propagation.extract(headers), sampler)
    }

    /// A new trace.
    pub(crate) fn begin(sampler: &Sampler) -> Self {
        Self::of(Received::default(), sampler)
    }

    fn of(received: Received, sampler: &Sampler) -> Self {
        let (trace_id, parent) = match received.ids {
            Some((trace_id, parent)) => (trace_id, Some(parent)),
            None => (TraceId::from(fastrand::u128(..).max(1)), None),
        };
        Self {
            trace_id,
            span_id: SpanId::from(fastrand::u64(..).max(1)),
            parent,
            flags: sampler.flags(trace_id, received.decision),
            debugged: received.decision == Some(Decision::Debug),
            state: received.state,
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
    /// taken here; without one for a new trace.
    fn parent_context(&self) -> Context {
        match self.parent {
            Some(parent) => self.context_of(parent, Side::Caller),
            None if self.debugged => propagation::debugged(&Context::new()),
            None => Context::new(),
        }
    }

    /// The OpenTelemetry context that the handler of a call without a recorded span sees as the current one.
    pub(crate) fn to_otel(&self) -> Context {
        self.context_of(self.span_id, Side::Here)
    }

    fn context_of(&self, span: SpanId, side: Side) -> Context {
        let remote = side == Side::Caller;
        let span = SpanContext::new(self.trace_id, span, self.flags, remote, self.state.clone());
        let context = Context::new().with_remote_span_context(span);
        if self.debugged { propagation::debugged(&context) } else { context }
    }
}

/// Where a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Caller,
    Here,
}

/// The number that lower-case hexadecimal digits are, at most 32 of them.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests;
