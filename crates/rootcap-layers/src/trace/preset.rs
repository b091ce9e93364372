//! The ids that the span being started has already: for a tracer whose generator of ids takes them.

use std::cell::Cell;

use opentelemetry::{SpanId, TraceId};

thread_local! {
    static TRACE: Cell<Option<TraceId>> = const { Cell::new(None) };
    static SPAN: Cell<Option<SpanId>> = const { Cell::new(None) };
}

/// The trace id that the root span which is being started on this thread is to have, once.
///
/// The decision to sample a call is made by its trace id, before there is a span. For an id generator of an
/// OpenTelemetry SDK: with one that asks here first, the span has the id that was decided about. With any other, the
/// call takes over the ids that its span was given.
pub fn preset_trace_id() -> Option<TraceId> {
    TRACE.take()
}

/// The id that the span which is being started on this thread is to have, once. See [`preset_trace_id`].
pub fn preset_span_id() -> Option<SpanId> {
    SPAN.take()
}

/// Presets both ids for what `start` starts.
pub(super) fn with<T>(trace: TraceId, span: SpanId, start: impl FnOnce() -> T) -> T {
    // A tracer may panic, and may not ask: what it left must not be taken for another span.
    let _forget = Forget;
    TRACE.set(Some(trace));
    SPAN.set(Some(span));
    start()
}

struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        TRACE.set(None);
        SPAN.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_once_and_forgotten() {
        let (trace, span) = (TraceId::from(7), SpanId::from(8));
        with(trace, span, || {
            assert_eq!((preset_span_id(), preset_trace_id()), (Some(span), Some(trace)));
            assert_eq!((preset_span_id(), preset_trace_id()), (None, None));
        });
        with(trace, span, || ());
        assert_eq!((preset_span_id(), preset_trace_id()), (None, None));
    }
}
