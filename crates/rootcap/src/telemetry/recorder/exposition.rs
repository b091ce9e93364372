//! What is recorded, as Prometheus' text format 0.0.4.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    sync::atomic::Ordering::Relaxed,
};

use ::metrics::{Key, atomics::AtomicU64};
use rootcap_layers::metrics::{Escaped, MetricKind};

use super::{Recorded, distribution::Distribution};

/// What is said of a metric that nobody described: `promtool` asks for a word.
const WITHOUT: &str = "Recorded by the program, without a description.";

/// All metrics, ordered by name, the series of each by their labels.
pub(super) fn render(recorded: &Recorded) -> String {
    let mut families = Families::default();
    for (key, value) in recorded.counters.all() {
        families.put(recorded, &key, MetricKind::Counter, |name, labels| {
            line(name, labels, value.load(Relaxed))
        });
    }
    for (key, value) in recorded.gauges.all() {
        families.put(recorded, &key, MetricKind::Gauge, |name, labels| {
            line(name, labels, float(&value))
        });
    }
    for (key, value) in recorded.histograms.all() {
        families.put(recorded, &key, MetricKind::Histogram, |name, labels| {
            buckets(name, labels, &value)
        });
    }
    families
        .0
        .into_values()
        .flat_map(|Family { head, series }| [head].into_iter().chain(series.into_values()))
        .collect()
}

/// The metrics by name and kind.
#[derive(Default)]
struct Families(BTreeMap<(String, &'static str), Family>);

/// All series of one name.
struct Family {
    head: String,
    /// The lines of each, by its labels.
    series: BTreeMap<String, String>,
}

impl Families {
    fn put(
        &mut self,
        recorded: &Recorded,
        key: &Key,
        kind: MetricKind,
        lines: impl FnOnce(&str, &str) -> String,
    ) {
        let (name, labels, kind) = (name(key.name()), labels(key), kind.as_str());
        let lines = lines(&name, &labels);
        let head = || {
            let help = recorded.help.get(&key.name().to_owned());
            let help =
                help.as_deref().unwrap_or(WITHOUT).replace('\\', "\\\\").replace('\n', "\\n");
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")
        };
        let new = || Family { head: head(), series: BTreeMap::new() };
        let family = self.0.entry((name.clone(), kind)).or_insert_with(new);
        family.series.insert(labels, lines);
    }
}

/// One number.
fn line(name: &str, labels: &str, value: impl Display) -> String {
    if labels.is_empty() {
        format!("{name} {value}\n")
    } else {
        format!("{name}{{{labels}}} {value}\n")
    }
}

fn float(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Relaxed))
}

/// The lines of a histogram.
fn buckets(name: &str, labels: &str, values: &Distribution) -> String {
    let (mut lines, mut count) = (String::new(), 0);
    let separator = if labels.is_empty() { "" } else { "," };
    let bounds = values.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    for (bound, more) in bounds.zip(values.counts()) {
        count += more;
        let _ = writeln!(lines, "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {count}");
    }
    lines.push_str(&line(&format!("{name}_sum"), labels, values.sum()));
    lines.push_str(&line(&format!("{name}_count"), labels, count));
    lines
}

/// Each name once, or a scrape would be refused as a whole: the last of a name stands. `le` is the histograms' own.
fn labels(key: &Key) -> String {
    let name = |label: &::metrics::Label| match word(label.key(), "") {
        le if le == "le" => "le_".to_owned(),
        name => name,
    };
    let labels: BTreeMap<_, _> = key.labels().map(|label| (name(label), label.value())).collect();
    let label = |(name, value)| format!("{name}=\"{}\"", Escaped(value));
    labels.into_iter().map(label).collect::<Vec<_>>().join(",")
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
