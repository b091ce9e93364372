//! The recorder of the `metrics` facade: holds what is recorded until `/metrics` shows it.
//!
//! It is our own for the sake of the start: the published one has a clock that it calibrates first, in a loop that keeps
//! a core busy for two milliseconds or more. And its histograms keep every sample until somebody moves them into their
//! buckets; here a sample is in its bucket at once.

mod distribution;
mod layout;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit, atomics::AtomicU64,
};

use rootcap_layers::metrics::Exposition;

use distribution::Distribution;
use layout::Layout;
use table::Table;

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
    /// Of the last page, and of how many entries it was made.
    layout: Mutex<Option<(usize, Arc<Layout>)>>,
}

impl Recorded {
    /// All that is there, in words and in order; made anew only when there is more than the last time.
    fn layout(&self) -> Arc<Layout> {
        let mut kept = self.layout.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the layout is made: what comes meanwhile is more than this.
        let entries = self.entries();
        match &*kept {
            Some((of, layout)) if *of == entries => Arc::clone(layout),
            _ => {
                let layout = Arc::new(Layout::new(self));
                *kept = Some((entries, Arc::clone(&layout)));
                layout
            }
        }
    }

    /// All of these tables only grow.
    fn entries(&self) -> usize {
        let recorded = self.counters.len() + self.gauges.len() + self.histograms.len();
        recorded + self.help.len()
    }
}

impl Recorder {
    /// Nothing recorded yet; `bounds` are those of the histograms' buckets, ascending, without the infinite one.
    pub(super) fn new(bounds: &[f64]) -> Self {
        Self(Arc::new(Recorded {
            counters: Table::default(),
            gauges: Table::default(),
            histograms: Table::default(),
            help: Table::default(),
            bounds: bounds.into(),
            layout: Mutex::default(),
        }))
    }

    /// All of it in Prometheus' text format.
    pub(super) fn write(&self, page: &mut Exposition) {
        self.0.layout().write(page);
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
