//! The statistics as Prometheus' text format.

use std::sync::Arc;

use super::{
    Bounds, Escaped, Exposition, HistogramSnapshot, Metric, MetricKind, StatsSnapshot, Value,
};
use crate::{
    call::Phase,
    method::{Method, Methods},
    outcome::{CODES, code_name},
};

/// All methods' statistics in Prometheus' text exposition format 0.0.4.
pub fn render(methods: &Methods) -> String {
    let mut page = Exposition::default();
    render_to(&mut page, methods);
    page.into_text()
}

/// [`render`], to a page that has more.
pub fn render_to(page: &mut Exposition, methods: &Methods) {
    let rows: Vec<Row> = methods.all().into_iter().map(Row::new).collect();
    let bounds = Bounds::new(methods.buckets());
    write_numbers(page, &rows);
    write_handled(page, &rows);
    write_latency(page, &rows, &bounds);
    write_phases(page, &rows, &bounds, methods);
    write_head(page, REFUSED);
    page.line(REFUSED.name, &[], Value::Count(methods.refused()));
}

/// One method: its labels, rendered once, and its numbers.
struct Row {
    method: Arc<Method>,
    labels: String,
    stats: StatsSnapshot,
}

impl Row {
    fn new(method: Arc<Method>) -> Self {
        let labels = format!(
            "grpc_type=\"{}\",grpc_service=\"{}\",grpc_method=\"{}\"",
            method.kind().as_str(),
            Escaped(method.service()),
            Escaped(method.name()),
        );
        let stats = method.stats().snapshot();
        Self { method, labels, stats }
    }
}

/// The labels of the metrics that are counted per method.
const OF_METHOD: &[&str] = &["grpc_type", "grpc_service", "grpc_method"];

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::new(MetricKind::Counter, name, OF_METHOD, help)
}

type Of = fn(&StatsSnapshot) -> Value;

/// The families with one number per method.
const NUMBERS: [(Metric, Of); 7] = [
    (counter("grpc_server_started_total", "Calls begun."), |stats| Value::Count(stats.started)),
    (counter("grpc_server_msg_received_total", "Messages received from clients."), |stats| {
        Value::Count(stats.received_messages)
    }),
    (counter("grpc_server_msg_sent_total", "Messages sent to clients."), |stats| {
        Value::Count(stats.sent_messages)
    }),
    (IN_FLIGHT, |stats| Value::Level(stats.in_flight)),
    (
        counter("rootcap_call_received_bytes_total", "Bytes of the request bodies of ended calls."),
        |stats| Value::Count(stats.received_bytes),
    ),
    (
        counter("rootcap_call_sent_bytes_total", "Bytes of the response bodies of ended calls."),
        |stats| Value::Count(stats.sent_bytes),
    ),
    (counter("rootcap_panics_total", "Calls that ended by a panic."), |stats| {
        Value::Count(stats.panicked)
    }),
];

const IN_FLIGHT: Metric = Metric::new(
    MetricKind::Gauge,
    "rootcap_calls_in_flight",
    OF_METHOD,
    "Calls that have begun and not ended.",
);

const HANDLED: Metric = Metric::new(
    MetricKind::Counter,
    "grpc_server_handled_total",
    &["grpc_type", "grpc_service", "grpc_method", "grpc_code"],
    "Calls ended, by status code.",
);

const LATENCY: Metric = Metric::new(
    MetricKind::Histogram,
    "grpc_server_handling_seconds",
    OF_METHOD,
    "Seconds from the headers of a call to the end of its body.",
);

const PHASES: Metric = Metric::new(
    MetricKind::Histogram,
    "rootcap_call_phase_seconds",
    &["phase"],
    "Seconds that ended calls spent in a phase, of those that were in it: `body` (waiting for the request), `queue`, \
     `handler` (until the head of the answer), `streaming` or `stalled` (waiting for a reader that takes no more).",
);

const REFUSED: Metric = Metric::new(
    MetricKind::Counter,
    "rootcap_methods_refused_total",
    &[],
    "Calls of methods that found no place in the table of methods.",
);

/// The metrics that [`render`] writes.
pub fn rendered() -> impl Iterator<Item = Metric> {
    NUMBERS.into_iter().map(|(metric, _)| metric).chain([HANDLED, LATENCY, PHASES, REFUSED])
}

fn write_head(page: &mut Exposition, Metric { name, kind, help, .. }: Metric) {
    page.head(name, kind, help);
}

fn write_numbers(page: &mut Exposition, rows: &[Row]) {
    for (metric, of) in NUMBERS {
        write_head(page, metric);
        rows.iter().for_each(|row| page.line(metric.name, &[&row.labels], of(&row.stats)));
    }
}

fn write_handled(page: &mut Exposition, rows: &[Row]) {
    let codes = CODES.map(|code| format!("grpc_code=\"{}\"", code_name(code)));
    write_head(page, HANDLED);
    for row in rows {
        for (code, count) in codes.iter().zip(row.stats.handled) {
            page.line(HANDLED.name, &[&row.labels, code], Value::Count(count));
        }
    }
}

fn write_latency(page: &mut Exposition, rows: &[Row], bounds: &Bounds) {
    write_head(page, LATENCY);
    for Row { labels, stats, .. } in rows {
        let HistogramSnapshot { counts, sum, .. } = &stats.latency;
        page.histogram(LATENCY.name, labels, bounds, counts.iter().copied(), *sum);
    }
}

/// Of all methods together.
fn write_phases(page: &mut Exposition, rows: &[Row], bounds: &Bounds, methods: &Methods) {
    write_head(page, PHASES);
    for phase in Phase::ALL {
        let mut all = HistogramSnapshot::empty(Arc::clone(methods.buckets()));
        let of_each = rows.iter().filter_map(|row| row.method.stats().times_in(phase));
        of_each.for_each(|histogram| all.absorb(histogram));
        let label = format!("phase=\"{}\"", phase.as_str());
        page.histogram(PHASES.name, &label, bounds, all.counts, all.sum);
    }
}

#[cfg(test)]
mod tests;
