//! A histogram of durations with fixed buckets, of atomics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::nanos::nanos;

/// A histogram of durations: counts per bucket, and their sum.
///
/// ```
/// use std::time::Duration;
/// use rootcap_layers::metrics::Histogram;
///
/// let histogram = Histogram::new([0.1, 1.0].into());
/// histogram.record(Duration::from_millis(250));
/// assert_eq!(histogram.snapshot().counts, [0, 1, 0]);
/// ```
#[derive(Debug)]
pub struct Histogram {
    /// Upper bounds in seconds, ascending, without the last, infinite one.
    bounds: Arc<[f64]>,
    /// One more than `bounds`.
    counts: Box<[AtomicU64]>,
    sum_nanos: AtomicU64,
}

/// A histogram at one instant.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    /// Upper bounds in seconds, ascending, without the last, infinite one.
    pub bounds: Arc<[f64]>,
    /// How many fell into each bucket (not cumulative); one more than `bounds`.
    pub counts: Vec<u64>,
    /// The sum of all, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// An empty histogram; `bounds` are upper bounds (inclusive) in seconds, ascending.
    pub fn new(bounds: Arc<[f64]>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum_nanos: AtomicU64::new(0) }
    }

    pub(super) fn bounds(&self) -> &Arc<[f64]> {
        &self.bounds
    }

    /// Adds one duration.
    pub fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        // A linear search: most calls end in the first buckets.
        let bucket = self.bounds.iter().position(|&bound| seconds <= bound);
        self.counts[bucket.unwrap_or(self.bounds.len())].fetch_add(1, Relaxed);
        self.sum_nanos.fetch_add(nanos(duration), Relaxed);
    }

    /// Adds all of `other`, which has the same bounds.
    pub(crate) fn absorb(&self, other: &Histogram) {
        for (count, others) in self.counts.iter().zip(&other.counts) {
            count.fetch_add(others.load(Relaxed), Relaxed);
        }
        self.sum_nanos.fetch_add(other.sum_nanos.load(Relaxed), Relaxed);
    }

    /// The histogram now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            bounds: Arc::clone(&self.bounds),
            counts: self.counts.iter().map(|count| count.load(Relaxed)).collect(),
            sum: self.sum(),
        }
    }

    fn sum(&self) -> f64 {
        self.sum_nanos.load(Relaxed) as f64 / 1e9
    }
}

impl HistogramSnapshot {
    /// None counted.
    pub(super) fn empty(bounds: Arc<[f64]>) -> Self {
        let counts = vec![0; bounds.len() + 1];
        Self { bounds, counts, sum: 0.0 }
    }

    /// Adds all of `other`, which has the same bounds.
    pub(super) fn absorb(&mut self, other: &Histogram) {
        for (count, others) in self.counts.iter_mut().zip(&other.counts) {
            *count += others.load(Relaxed);
        }
        self.sum += other.sum();
    }

    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The mean, in seconds; `None` without any.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / count as f64)
    }

    /// The least of the bounds within which this part of all lies (0.5 for half of them), in seconds; infinite when the
    /// greatest bound is exceeded, `None` without any.
    pub fn within(&self, part: f64) -> Option<f64> {
        let count = self.count();
        let wanted = part * count as f64;
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below as f64 >= wanted
        });
        let bound = |bucket: usize| self.bounds.get(bucket).copied().unwrap_or(f64::INFINITY);
        bucket.filter(|_| count > 0).map(bound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new([0.5, 1.0].into());
        for millis in [0, 500, 501, 1_000, 1_001] {
            histogram.record(Duration::from_millis(millis));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts, [2, 2, 1]);
        assert!((snapshot.sum - 3.002).abs() < 1e-9);
    }

    #[test]
    fn parts_lie_within_bounds() {
        let histogram = Histogram::new([0.5, 1.0].into());
        let empty = histogram.snapshot();
        assert_eq!((empty.mean(), empty.within(0.5)), (None, None));
        for millis in [100, 200, 700, 5_000] {
            histogram.record(Duration::from_millis(millis));
        }
        let four = histogram.snapshot();
        assert_eq!(
            [0.0, 0.5, 0.51, 0.75, 0.76, 1.0].map(|part| four.within(part)),
            [0.5, 0.5, 1.0, 1.0, f64::INFINITY, f64::INFINITY].map(Some)
        );
        assert_eq!(four.mean(), Some(1.5));
    }

    proptest! {
        #[test]
        fn every_duration_falls_into_the_bucket_that_holds_it(millis in proptest::collection::vec(0u64..20_000, 0..100)) {
            let histogram = Histogram::new(crate::DEFAULT_BUCKETS.into());
            for &millis in &millis {
                histogram.record(Duration::from_millis(millis));
            }
            let snapshot = histogram.snapshot();
            let mut cumulative = 0;
            for (bound, count) in snapshot.bounds.iter().zip(&snapshot.counts) {
                cumulative += count;
                let expected = millis.iter().filter(|&&millis| Duration::from_millis(millis).as_secs_f64() <= *bound).count();
                prop_assert_eq!(cumulative, expected as u64);
            }
            prop_assert_eq!(snapshot.count(), millis.len() as u64);
        }
    }
}
