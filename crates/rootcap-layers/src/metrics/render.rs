//! The statistics as Prometheus' text format.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use super::{HistogramSnapshot, Metric, MetricKind, StatsSnapshot};
use crate::{
    call::Phase,
    method::{Method, Methods},
    outcome::{CODES, code_name},
};

/// All methods' statistics in Prometheus' text exposition format 0.0.4.
pub fn render(methods: &Methods) -> String {
    let rows: Vec<Row> = methods.all().into_iter().map(Row::new).collect();
    let mut text = String::with_capacity(rows.len() * 4_096);
    write_all(&mut text, &rows, methods).expect("writing to a string does not fail");
    text
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

/// A label's value, as Prometheus' text format has it: backslash, quote and line feed are escaped.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                char => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// The labels of the metrics that are counted per method.
const OF_METHOD: &[&str] = &["grpc_type", "grpc_service", "grpc_method"];

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric::new(MetricKind::Counter, name, OF_METHOD, help)
}

type Number = fn(&StatsSnapshot) -> i64;

/// The families with one number per method.
const NUMBERS: [(Metric, Number); 7] = [
    (counter("grpc_server_started_total", "Calls begun."), |stats| stats.started as i64),
    (counter("grpc_server_msg_received_total", "Messages received from clients."), |stats| {
        stats.received_messages as i64
    }),
    (counter("grpc_server_msg_sent_total", "Messages sent to clients."), |stats| {
        stats.sent_messages as i64
    }),
    (IN_FLIGHT, |stats| stats.in_flight),
    (
        counter("rootcap_call_received_bytes_total", "Bytes of the request bodies of ended calls."),
        |stats| stats.received_bytes as i64,
    ),
    (
        counter("rootcap_call_sent_bytes_total", "Bytes of the response bodies of ended calls."),
        |stats| stats.sent_bytes as i64,
    ),
    (counter("rootcap_panics_total", "Calls that ended by a panic."), |stats| {
        stats.panicked as i64
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

fn write_all(out: &mut String, rows: &[Row], methods: &Methods) -> fmt::Result {
    for (metric, number) in NUMBERS {
        write_head(out, metric)?;
        for row in rows {
            writeln!(out, "{}{{{}}} {}", metric.name, row.labels, number(&row.stats))?;
        }
    }
    write_handled(out, rows)?;
    write_latency(out, rows)?;
    write_phases(out, rows)?;
    write_head(out, REFUSED)?;
    writeln!(out, "{} {}", REFUSED.name, methods.refused())
}

fn write_head(out: &mut String, Metric { name, kind, help, .. }: Metric) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {}", kind.as_str())
}

fn write_handled(out: &mut String, rows: &[Row]) -> fmt::Result {
    write_head(out, HANDLED)?;
    let name = HANDLED.name;
    for row in rows {
        for (code, count) in CODES.into_iter().zip(row.stats.handled) {
            writeln!(out, "{name}{{{},grpc_code=\"{}\"}} {count}", row.labels, code_name(code))?;
        }
    }
    Ok(())
}

fn write_latency(out: &mut String, rows: &[Row]) -> fmt::Result {
    write_head(out, LATENCY)?;
    rows.iter().try_for_each(|row| write_histogram(out, LATENCY, &row.labels, &row.stats.latency))
}

/// Of all methods together.
fn write_phases(out: &mut String, rows: &[Row]) -> fmt::Result {
    write_head(out, PHASES)?;
    for phase in Phase::ALL {
        let Some(first) = rows.first() else { continue };
        let mut sum = HistogramSnapshot::empty(Arc::clone(&first.stats.latency.bounds));
        let all = rows.iter().filter_map(|row| row.method.stats().phase(phase));
        all.for_each(|histogram| sum.absorb(&histogram));
        write_histogram(out, PHASES, &format!("phase=\"{}\"", phase.as_str()), &sum)?;
    }
    Ok(())
}

fn write_histogram(
    out: &mut String,
    Metric { name, .. }: Metric,
    labels: &str,
    histogram: &HistogramSnapshot,
) -> fmt::Result {
    let mut cumulative = 0;
    for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
        cumulative += count;
        writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {cumulative}")?;
    }
    let count = histogram.count();
    writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
    writeln!(out, "{name}_sum{{{labels}}} {}", histogram.sum)?;
    writeln!(out, "{name}_count{{{labels}}} {count}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;

    use super::*;
    use crate::{
        call::{PhaseTimes, Record},
        method::{MethodKind, Origin},
    };

    #[test]
    fn a_known_method_is_there_at_zero_and_counts() {
        let methods = Methods::builder()
            .buckets(&[0.5, 1.0])
            .method("a.B", "C", MethodKind::Unary, Origin::User)
            .build();
        let labels = r#"grpc_type="unary",grpc_service="a.B",grpc_method="C""#;
        assert!(
            render(&methods)
                .contains(&format!("grpc_server_handled_total{{{labels},grpc_code=\"OK\"}} 0\n"))
        );

        let method = methods.get("/a.B/C").expect("known");
        method.stats().start();
        method.stats().end(&Record {
            code: Code::NotFound,
            duration: Duration::from_millis(750),
            phases: PhaseTimes::default(),
            received_bytes: 10,
            sent_bytes: 20,
            panicked: false,
        });
        let text = render(&methods);
        for line in [
            "grpc_server_started_total{L} 1",
            "grpc_server_handled_total{L,grpc_code=\"NotFound\"} 1",
            "grpc_server_handling_seconds_bucket{L,le=\"0.5\"} 0",
            "grpc_server_handling_seconds_bucket{L,le=\"1\"} 1",
            "grpc_server_handling_seconds_bucket{L,le=\"+Inf\"} 1",
            "grpc_server_handling_seconds_sum{L} 0.75",
            "grpc_server_handling_seconds_count{L} 1",
            "rootcap_calls_in_flight{L} 0",
            "rootcap_call_received_bytes_total{L} 10",
        ] {
            let line = line.replace("{L", &format!("{{{labels}"));
            assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), r#"a\"b\\c\nd"#);
    }
}
