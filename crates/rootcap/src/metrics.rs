//! Every metric that a server shows on `/metrics`, besides those that the program itself records.
//!
//! ```
//! let names: Vec<_> = rootcap::metrics::all().map(|metric| metric.name).collect();
//! assert!(names.contains(&"grpc_server_handled_total"));
//! assert!(names.contains(&"rootcap_connections_accepted_total"));
//! ```
//!
//! The server's own stand in one table (`metrics/table.rs`): each row is the function that records the metric, its
//! description on `/metrics`, and its row in the documentation. To add a metric is to add a row there.

mod process;
mod schema;
mod table;

pub use rootcap_layers::metrics::{Metric, MetricKind};
use rootcap_layers::{admission, concurrency, metrics};
pub(crate) use table::*;

/// All metrics: those of calls, then the server's, then those of the process.
///
/// Those of the process depend on the operating system; all of these are there on Linux.
pub fn all() -> impl Iterator<Item = Metric> {
    metrics::rendered()
        .chain([admission::REJECTED, admission::DECISIONS, concurrency::QUEUE_TIME])
        .chain(table::ROWS.iter().copied())
        .chain(process::ROWS.iter().copied())
}

/// Describes the metrics to the installed recorder; counters without labels begin at zero.
pub(crate) fn describe() {
    admission::register_metrics();
    for metric in table::ROWS.iter().chain(process::ROWS) {
        metric.describe();
    }
    for metric in table::ROWS {
        if metric.kind == MetricKind::Counter && metric.labels.is_empty() {
            ::metrics::counter!(metric.name).increment(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_of_the_form_that_prometheus_asks_for() {
        let mut names = BTreeSet::new();
        for Metric { name, kind, labels, help, .. } in all() {
            assert!(names.insert(name), "{name} comes twice");
            let ours = ["grpc_server_", "rootcap_", "process_"];
            assert!(ours.iter().any(|prefix| name.starts_with(prefix)), "{name}");
            assert_eq!(name.ends_with("_total"), kind == MetricKind::Counter, "{name}");
            let word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(word(name) && labels.iter().all(|label| word(label)), "{name} {labels:?}");
            assert!(help.ends_with('.') && !help.starts_with(' '), "{name}: {help:?}");
            assert!(!help.contains('\n') && !help.contains("  "), "{name}: {help:?}");
        }
    }
}
