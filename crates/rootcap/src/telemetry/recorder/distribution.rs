//! A histogram of any numbers, of atomics.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use ::metrics::{GaugeFn, HistogramFn, atomics::AtomicU64};

/// How many of some numbers fell into each bucket, and their sum.
#[derive(Debug)]
pub(super) struct Distribution {
    bounds: Arc<[f64]>,
    /// One more than `bounds`; not cumulative.
    counts: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl Distribution {
    pub(super) fn new(bounds: Arc<[f64]>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(|count| count.load(Relaxed))
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Relaxed))
    }
}

impl HistogramFn for Distribution {
    fn record(&self, value: f64) {
        let bucket = self.bounds.iter().position(|&bound| value <= bound);
        self.counts[bucket.unwrap_or(self.bounds.len())].fetch_add(1, Relaxed);
        GaugeFn::increment(&self.sum, value);
    }
}
