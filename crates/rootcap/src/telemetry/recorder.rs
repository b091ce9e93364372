//! The recorder of the `metrics` facade: holds what is recorded until `/metrics` shows it.
//!
//! It is our own for the sake of the start: the published one has a clock that it calibrates first, in a loop that keeps
//! a core busy for two milliseconds or more. And its histograms keep every sample until somebody moves them into their
//! buckets; here a sample is in its bucket at once.

mod distribution;
mod exposition;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit, atomics::AtomicU64,
};

use distribution::Distribution;

/// What is recorded; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Recorder(Arc<Recorded>);

#[derive(Debug)]
struct Recorded {
    counters: Table<Key, Arc<AtomicU64>>,
    gauges: Table<Key, Arc<AtomicU64>>,
    histograms: Table<Key, Arc<Distribution>>,
    /// What a metric says of itself, by its name.
    help: Table<String, SharedString>,
    /// Of every histogram.
    bounds: Arc<[f64]>,
}

impl Recorder {
    /// Nothing recorded yet; `bounds` are those of the histograms' buckets, ascending, without the infinite one.
    pub(super) fn new(bounds: &[f64]) -> Self {
        let (counters, gauges, histograms, help) = Default::default();
        Self(Arc::new(Recorded { counters, gauges, histograms, help, bounds: bounds.into() }))
    }

    /// All of it in Prometheus' text format.
    pub(super) fn render(&self) -> String {
        exposition::render(&self.0)
    }

    /// The first who describes a metric is heard.
    fn describe(&self, name: &KeyName, description: SharedString) {
        self.0.help.get_or(&name.as_str().to_owned(), || description);
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(&name, description);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(&name, description);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, description: SharedString) {
        self.describe(&name, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.0.counters.get_or(key, Arc::default))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.0.gauges.get_or(key, Arc::default))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let new = || Arc::new(Distribution::new(Arc::clone(&self.0.bounds)));
        Histogram::from_arc(self.0.histograms.get_or(key, new))
    }
}

/// A map that only grows. Whoever asks for what is there waits for new entries alone.
#[derive(Debug)]
struct Table<K, V>(RwLock<HashMap<K, V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + std::hash::Hash + Clone, V: Clone> Table<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn get_or(&self, key: &K, new: impl FnOnce() -> V) -> V {
        self.get(key).unwrap_or_else(|| {
            let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
            map.entry(key.clone()).or_insert_with(new).clone()
        })
    }

    /// By key: of two that are shown as one, it is always the same one that stands.
    fn all(&self) -> Vec<(K, V)>
    where
        K: Ord,
    {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        drop(map);
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }
}
