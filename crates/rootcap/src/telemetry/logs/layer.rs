//! Events as lines.

use std::{sync::Arc, time::SystemTime};

use arc_swap::ArcSwapOption;
use rootcap_layers::{
    Call,
    access_log::{Format, Key, Line},
};
use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::{LookupSpan, SpanRef},
};

use super::{
    CHANGES,
    fields::{Fields, Value},
};
use crate::telemetry::{
    export::{LogLine, Queue},
    panic_hook,
    sink::Sink,
};

/// Where lines go besides, while they are exported.
pub(super) static EXPORTED: ArcSwapOption<Queue<LogLine>> = ArcSwapOption::const_empty();

/// A line that is longer than this takes no more fields, in bytes.
const MAX_LINE: usize = 64 * 1024;

/// Writes each event as a line, with the fields of the spans that it is in and the ids of the call that
/// is being served.
#[derive(Debug)]
pub(super) struct EventLines {
    sink: Arc<Sink>,
    format: Format,
}

impl EventLines {
    pub(super) fn new(sink: Arc<Sink>, format: Format) -> Self {
        Self { sink, format }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for EventLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // A `Debug` that logs must not find the span locked.
        let mut fields = span.extensions_mut().remove::<Fields>().unwrap_or_default();
        values.record(&mut fields);
        span.extensions_mut().replace(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.take_text("message").unwrap_or_default();
        let level = *metadata.level();
        let write = |line: &mut Line<'_>| {
            Call::with_current(|call| {
                if let Some(call) = call {
                    line.call_ids(call);
                }
                line.string(Key::new("target"), metadata.target());
                let mut keys = Keys { call, seen: Vec::new() };
                keys.push(line, &fields);
                spans(line, &mut keys, event, &context);
            });
        };
        if metadata.target() == panic_hook::TARGET {
            panic_hook::taken();
        }
        let now = SystemTime::now();
        match metadata.target() {
            CHANGES => self.format.write(&self.sink.reserved(), now, level, &message, write),
            _ => self.format.write(&*self.sink, now, level, &message, write),
        }
        if let Some(exported) = &*EXPORTED.load() {
            Format::Json.write(&**exported, now, level, &message, write);
        }
    }
}

/// The names of the spans that the event is in, outermost first, and their fields.
fn spans<S: Subscriber + for<'a> LookupSpan<'a>>(
    line: &mut Line<'_>,
    keys: &mut Keys<'_>,
    event: &Event<'_>,
    context: &Context<'_, S>,
) {
    let Some(scope) = context.event_scope(event) else { return };
    let spans: Vec<SpanRef<'_, S>> = scope.collect();
    let names: Vec<&str> = spans.iter().rev().map(|span| span.name()).collect();
    line.string(Key::new("spans"), names.join(":"));
    for span in &spans {
        if let Some(fields) = span.extensions().get::<Fields>() {
            keys.push(line, fields);
        }
    }
}

/// Which keys a line has: none comes twice.
struct Keys<'a> {
    call: Option<&'a Call>,
    seen: Vec<&'static str>,
}

impl Keys<'_> {
    /// Adds the fields whose names were not seen: the event's own come first, then those of the inner spans.
    fn push(&mut self, line: &mut Line<'_>, fields: &Fields) {
        for (name, value) in fields.iter() {
            if line.length() > MAX_LINE || self.seen.contains(&name) || self.repeats_id(name, value)
            {
                continue;
            }
            self.seen.push(name);
            let key = Key::new(name);
            value.push(line, if self.is_ours(name) { key.under("fields.") } else { key });
        }
    }

    /// Whether a field of this name would be taken for one of ours, or for one that was renamed.
    fn is_ours(&self, name: &str) -> bool {
        match name {
            "timestamp" | "level" | "message" | "target" | "spans" => true,
            "request_id" | "trace_id" | "span_id" => self.call.is_some(),
            _ => name.starts_with("fields."),
        }
    }

    /// Whether a field is one of the call's ids, which the line has.
    fn repeats_id(&self, name: &str, value: &Value) -> bool {
        self.call.is_some_and(|call| match name {
            "request_id" => value.is_text(call.request_id().as_str()),
            "trace_id" => value.is_text(&call.trace().trace_id().to_string()),
            "span_id" => value.is_text(&call.trace().span_id().to_string()),
            _ => false,
        })
    }
}
