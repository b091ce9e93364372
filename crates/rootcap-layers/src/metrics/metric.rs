//! What there is to know of a metric without measuring: descriptions and documentation follow from it.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// A metric: its name, and what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name, which ends in its unit or in `_total`.
    pub name: &'static str,
    /// What its values are.
    pub kind: MetricKind,
    /// The names of the labels by which its series differ.
    pub labels: &'static [&'static str],
    /// What it counts, in a sentence.
    pub help: &'static str,
}

/// What the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// How many values fell into each of some ranges.
    Histogram,
}

impl Metric {
    /// A metric of this kind and name.
    pub const fn new(
        kind: MetricKind,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, kind, labels, help }
    }

    /// Describes the metric to the installed recorder of the `metrics` facade.
    pub fn describe(&self) {
        match self.kind {
            MetricKind::Counter => describe_counter!(self.name, self.help),
            MetricKind::Gauge => describe_gauge!(self.name, self.help),
            MetricKind::Histogram => describe_histogram!(self.name, self.help),
        }
    }
}

impl MetricKind {
    /// The word of Prometheus' text format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}
