//! A recorder that remembers what was counted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

#[derive(Default)]
struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

/// `name{label=value,label=value}`.
fn series(key: &Key) -> String {
    let labels = key.labels().map(|label| format!("{}={}", label.key(), label.value()));
    format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","))
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counts = self.0.lock().expect("no test panics with the lock");
        Counter::from_arc(Arc::clone(counts.entry(series(key)).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut counts = self.0.lock().expect("no test panics with the lock");
        Histogram::from_arc(Arc::new(Records(Arc::clone(counts.entry(series(key)).or_default()))))
    }
}

/// Counts how often something was recorded, whatever it was.
struct Records(Arc<AtomicU64>);

impl HistogramFn for Records {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Runs `calls`; returns what they were counted as: `name{label=value}`, and how many (of a histogram, how often).
pub(crate) fn counted(calls: impl AsyncFnOnce()) -> BTreeMap<String, u64> {
    let counts = Counts::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of this thread");
    metrics::with_local_recorder(&counts, || runtime.block_on(calls()));
    let counts = counts.0.lock().expect("no test panics with the lock");
    counts.iter().map(|(series, count)| (series.clone(), count.load(SeqCst))).collect()
}

/// Runs `calls`; returns how many of them were counted as refused, by policy.
pub(crate) fn rejected(calls: impl AsyncFnOnce()) -> BTreeMap<String, u64> {
    let policy = |series: String| {
        Some(series.strip_prefix("rootcap_rejected_total{policy=")?.strip_suffix('}')?.to_owned())
    };
    counted(calls)
        .into_iter()
        .filter_map(|(series, count)| Some((policy(series)?, count)))
        .collect()
}
