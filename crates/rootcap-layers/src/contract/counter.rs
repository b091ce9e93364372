//! A recorder that remembers how many calls were refused, by policy.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

#[derive(Default)]
struct Refusals(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorder for Refusals {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        assert_eq!(key.name(), "rootcap_rejected_total");
        let labels: Vec<_> = key.labels().map(|label| (label.key(), label.value())).collect();
        let [("policy", policy)] = labels[..] else { panic!("other labels: {labels:?}") };
        let mut counts = self.0.lock().expect("no test panics with the lock");
        Counter::from_arc(Arc::clone(counts.entry(policy.to_owned()).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Runs `calls`; returns how many of them were counted as refused, by policy.
pub(crate) fn rejected(calls: impl AsyncFnOnce()) -> BTreeMap<String, u64> {
    let refusals = Refusals::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime of this thread");
    metrics::with_local_recorder(&refusals, || runtime.block_on(calls()));
    let counts = refusals.0.lock().expect("no test panics with the lock");
    counts.iter().map(|(policy, count)| (policy.clone(), count.load(SeqCst))).collect()
}
