//! [`Layout`]: what never changes of what is recorded, in words and in its order.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use ::metrics::{Key, atomics::AtomicU64};
use rootcap_layers::metrics::{Bounds, Escaped, Exposition, MetricKind, Value};

use super::{Recorded, distribution::Distribution};

/// What is said of a metric that nobody described: `promtool` asks for a word.
const WITHOUT: &str = "Recorded by the program, without a description.";

/// All metrics, ordered by name, the series of each by their labels.
///
/// To put names and labels into words and in order takes ten times as long as to write a page of them, so they are kept:
/// some 60 bytes for a series, and its labels as they are written, 120 bytes for the five of a limit's decision.
#[derive(Debug)]
pub(super) struct Layout {
    /// By name and kind.
    families: BTreeMap<(String, &'static str), Family>,
    bounds: Bounds,
}

/// All series of one name.
#[derive(Debug)]
struct Family {
    kind: MetricKind,
    help: String,
    /// By labels.
    series: BTreeMap<Box<str>, Values>,
}

/// Where what is recorded stands.
#[derive(Debug)]
enum Values {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Distribution>),
}

impl Values {
    fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Histogram(_) => MetricKind::Histogram,
        }
    }
}

impl Layout {
    /// Of all that is recorded so far.
    pub(super) fn new(recorded: &Recorded) -> Self {
        let bounds = Bounds::new(&recorded.bounds);
        let mut layout = Self { families: BTreeMap::new(), bounds };
        for (key, value) in recorded.counters.all() {
            layout.put(recorded, &key, Values::Counter(value));
        }
        for (key, value) in recorded.gauges.all() {
            layout.put(recorded, &key, Values::Gauge(value));
        }
        for (key, values) in recorded.histograms.all() {
            layout.put(recorded, &key, Values::Histogram(values));
        }
        layout
    }

    fn put(&mut self, recorded: &Recorded, key: &Key, values: Values) {
        let kind = values.kind();
        let new = || Family { kind, help: help(recorded, key.name()), series: BTreeMap::new() };
        let place = (name(key.name()), kind.as_str());
        self.families.entry(place).or_insert_with(new).series.insert(labels(key), values);
    }

    /// Writes all of it, with the values of now.
    pub(super) fn write(&self, page: &mut Exposition) {
        for ((name, _), Family { kind, help, series }) in &self.families {
            page.head(name, *kind, help);
            for (labels, values) in series {
                self.write_series(page, name, labels, values);
            }
        }
    }

    fn write_series(&self, page: &mut Exposition, name: &str, labels: &str, values: &Values) {
        match values {
            Values::Counter(count) => page.line(name, &[labels], Value::Count(count.load(Relaxed))),
            Values::Gauge(bits) => {
                page.line(name, &[labels], Value::Number(f64::from_bits(bits.load(Relaxed))));
            }
            Values::Histogram(all) => {
                page.histogram(name, labels, &self.bounds, all.counts(), all.sum());
            }
        }
    }
}

fn help(recorded: &Recorded, name: &str) -> String {
    let help = recorded.help.get(&name.to_owned());
    Exposition::escaped_help(help.as_deref().unwrap_or(WITHOUT))
}

/// Each name once, or a scrape would be refused as a whole: the last of a name stands. `le` is the histograms' own.
fn labels(key: &Key) -> Box<str> {
    let name = |label: &::metrics::Label| match word(label.key(), "") {
        le if le == "le" => "le_".to_owned(),
        name => name,
    };
    let labels: BTreeMap<_, _> = key.labels().map(|label| (name(label), label.value())).collect();
    let label = |(name, value)| format!("{name}=\"{}\"", Escaped(value));
    labels.into_iter().map(label).collect::<Vec<_>>().join(",").into()
}

/// The name of a metric, in the characters that it may have.
fn name(name: &str) -> String {
    word(name, ":")
}

/// Letters, digits that do not come first, and underscores, which also stand for all that may not be there.
fn word(text: &str, also: &str) -> String {
    let fits = |(at, char): (usize, char)| {
        let digit = at > 0 && char.is_ascii_digit();
        if char.is_ascii_alphabetic() || digit || also.contains(char) { char } else { '_' }
    };
    text.chars().enumerate().map(fits).collect()
}
