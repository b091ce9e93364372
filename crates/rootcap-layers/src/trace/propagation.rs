//! Which headers a trace comes in and goes on with.

use std::{fmt::Display, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context, SpanId, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};

use super::{
    TraceParent,
    b3::{B3, Decision, Multiple},
};

/// The longest `tracestate` that is passed on, in bytes (W3C Trace Context, 3.3.1.5: at least 512).
const MAX_TRACESTATE: usize = 512;

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const B3_SINGLE: HeaderName = HeaderName::from_static("b3");
const B3_TRACE_ID: HeaderName = HeaderName::from_static("x-b3-traceid");
const B3_SPAN_ID: HeaderName = HeaderName::from_static("x-b3-spanid");
const B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const B3_FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");

/// A way to write a trace context as headers, by its name in `OTEL_PROPAGATORS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Propagator {
    /// `tracecontext`: `traceparent` and `tracestate` (W3C Trace Context).
    TraceContext,
    /// `b3`: the header `b3`.
    B3,
    /// `b3multi`: the headers `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled` and `x-b3-flags`.
    B3Multi,
}

/// Several of them, in the order in which a caller's headers are tried: the first that are well-formed count.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use rootcap_layers::trace::{Propagation, Propagator, Sampler, TraceContext};
///
/// let propagation = Propagation::new([Propagator::TraceContext, Propagator::B3]);
/// let mut headers = HeaderMap::new();
/// headers.insert("b3", HeaderValue::from_static("80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"));
/// let trace = TraceContext::accept(&headers, &propagation, &Sampler::PARENT);
/// assert!(trace.is_sampled());
/// assert_eq!(trace.trace_id().to_string(), "80f198ee56343ba864fe8b2a57d3eff7");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    // As many as there are kinds, so that it is cheap to copy into each call.
    propagators: [Option<Propagator>; 3],
}

impl Default for Propagation {
    /// W3C Trace Context alone.
    fn default() -> Self {
        Self::new([Propagator::TraceContext])
    }
}

/// What came in with a call.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Received {
    /// The trace and the caller's span.
    pub(super) ids: Option<(TraceId, SpanId)>,
    pub(super) decision: Option<Decision>,
    pub(super) state: TraceState,
}

/// In the OpenTelemetry context of a trace that is being debugged, which B3 passes on.
struct Debugged;

impl Propagation {
    /// Each of `propagators` once, in this order. Without any, each call begins a trace.
    pub fn new(propagators: impl IntoIterator<Item = Propagator>) -> Self {
        let mut chosen = Self { propagators: [None; 3] };
        for propagator in propagators {
            let known = chosen.propagators.contains(&Some(propagator));
            if let Some(free) = chosen.propagators.iter_mut().find(|slot| slot.is_none())
                && !known
            {
                *free = Some(propagator);
            }
        }
        chosen
    }

    /// Writes the span that is current in `context` into `headers`, in all of the ways. Nothing without a span.
    ///
    /// What was there before of the same names is replaced.
    pub fn inject(&self, context: &Context, headers: &mut HeaderMap) {
        let span = context.span().span_context().clone();
        if !span.is_valid() {
            return;
        }
        let decision = match context.get::<Debugged>() {
            Some(_) => Decision::Debug,
            None if span.is_sampled() => Decision::Accept,
            None => Decision::Deny,
        };
        for propagator in self.propagators.iter().flatten() {
            match propagator {
                Propagator::TraceContext => inject_w3c(&span, headers),
                Propagator::B3 => inject_b3(&span, decision, headers),
                Propagator::B3Multi => inject_b3_multi(&span, decision, headers),
            }
        }
    }

    /// What the first of the ways that finds well-formed headers makes of them.
    pub(super) fn extract(&self, headers: &HeaderMap) -> Received {
        let mut propagators = self.propagators.iter().flatten();
        propagators.find_map(|propagator| propagator.extract(headers)).unwrap_or_default()
    }
}

impl Propagator {
    fn extract(self, headers: &HeaderMap) -> Option<Received> {
        let b3 = match self {
            Self::TraceContext => return extract_w3c(headers),
            Self::B3 => B3::parse_single(only(headers, &B3_SINGLE)?),
            Self::B3Multi => B3::parse_multiple(&multiple(headers)?),
        };
        let B3 { ids, decision } = b3.ok()?;
        Some(Received { ids, decision, state: TraceState::NONE })
    }
}

/// Notes in the context that the trace is being debugged.
pub(super) fn debugged(context: &Context) -> Context {
    context.with_value(Debugged)
}

/// Whether a header of this name may be part of a trace context, in one of the ways. Of those that go with another one,
/// `tracestate` is no context by itself.
pub(crate) fn is_header(name: &str) -> bool {
    matches!(name, "traceparent" | "b3") || name.starts_with("x-b3-")
}

/// More than one is as good as none (W3C Trace Context, 4.2).
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

fn multiple(headers: &HeaderMap) -> Option<Multiple<'_>> {
    let names = [&B3_TRACE_ID, &B3_SPAN_ID, &B3_SAMPLED, &B3_FLAGS];
    let repeated = |name| headers.contains_key(name) && only(headers, name).is_none();
    (!names.into_iter().any(repeated)).then(|| Multiple {
        trace_id: only(headers, &B3_TRACE_ID),
        span_id: only(headers, &B3_SPAN_ID),
        sampled: only(headers, &B3_SAMPLED),
        flags: only(headers, &B3_FLAGS),
    })
}

fn extract_w3c(headers: &HeaderMap) -> Option<Received> {
    let parent = TraceParent::parse(only(headers, &TRACEPARENT)?).ok()?;
    let sampled = parent.flags.is_sampled();
    Some(Received {
        ids: Some((parent.trace_id, parent.span_id)),
        decision: Some(if sampled { Decision::Accept } else { Decision::Deny }),
        state: tracestate(headers),
    })
}

/// An unacceptable `tracestate` is dropped, and the trace goes on without it (W3C Trace Context, 3.3).
fn tracestate(headers: &HeaderMap) -> TraceState {
    let mut joined = String::new();
    for value in headers.get_all(TRACESTATE) {
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

fn inject_w3c(span: &SpanContext, headers: &mut HeaderMap) {
    let flags = if span.is_sampled() { "01" } else { "00" };
    set(
        headers,
        TRACEPARENT.clone(),
        format_args!("00-{}-{}-{flags}", span.trace_id(), span.span_id()),
    );
    headers.remove(TRACESTATE);
    let state = span.trace_state().header();
    if !state.is_empty() {
        set(headers, TRACESTATE, state);
    }
}

fn inject_b3(span: &SpanContext, decision: Decision, headers: &mut HeaderMap) {
    let decision = match decision {
        Decision::Deny => "0",
        Decision::Accept => "1",
        Decision::Debug => "d",
    };
    set(headers, B3_SINGLE, format_args!("{}-{}-{decision}", span.trace_id(), span.span_id()));
}

fn inject_b3_multi(span: &SpanContext, decision: Decision, headers: &mut HeaderMap) {
    set(headers, B3_TRACE_ID, span.trace_id());
    set(headers, B3_SPAN_ID, span.span_id());
    // The flag implies the decision, which is then not sent.
    let (name, other, value) = match decision {
        Decision::Deny => (B3_SAMPLED, B3_FLAGS, "0"),
        Decision::Accept => (B3_SAMPLED, B3_FLAGS, "1"),
        Decision::Debug => (B3_FLAGS, B3_SAMPLED, "1"),
    };
    headers.remove(other);
    set(headers, name, value);
}

/// Of values that are visible ASCII, as ids are; one that is not, as a `tracestate` of a tracer's might be, is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: impl Display) {
    if let Ok(value) = HeaderValue::try_from(value.to_string()) {
        headers.insert(name, value);
    }
}
