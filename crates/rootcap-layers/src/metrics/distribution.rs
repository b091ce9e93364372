//! How durations are distributed, to an eighth of themselves: buckets that grow with what they count.
//!
//! Log-linear, as in HdrHistogram: each power of two is cut into eight buckets of one width. From a microsecond to more
//! than an hour that takes 240 of them, and to find one takes a shift and a count of zeros.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::nanos::nanos;

/// Durations are counted in units of 1,024 nanoseconds.
const UNIT_BITS: u32 = 10;
/// Each power of two has eight buckets.
const PARTS_BITS: u32 = 3;
const PARTS: u64 = 1 << PARTS_BITS;
/// What is this long, 73 minutes, or longer is counted with what is just shorter.
const MAX_BITS: u32 = 42;

/// How many buckets there are.
pub(super) const BUCKETS: usize = ((MAX_BITS - UNIT_BITS - PARTS_BITS + 1) as usize) << PARTS_BITS;

/// The bucket that a duration belongs to.
fn bucket(nanos: u64) -> usize {
    let units = (nanos >> UNIT_BITS).min((1 << (MAX_BITS - UNIT_BITS)) - 1);
    if units < PARTS {
        return units as usize;
    }
    let shift = units.ilog2() - PARTS_BITS;
    // The bits below the highest, three of them, count within its power of two.
    ((shift as usize) << PARTS_BITS) + (units >> shift) as usize
}

/// The durations that belong to a bucket, in nanoseconds.
pub(super) fn range(bucket: usize) -> Range<u64> {
    lower(bucket)..lower(bucket + 1)
}

fn lower(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PARTS {
        return bucket << UNIT_BITS;
    }
    let shift = (bucket >> PARTS_BITS) - 1;
    (PARTS + (bucket & (PARTS - 1))) << (shift + u64::from(UNIT_BITS))
}

/// Counts of durations, by bucket.
#[derive(Debug)]
pub(super) struct Distribution([AtomicU64; BUCKETS]);

impl Default for Distribution {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Distribution {
    /// Adds one duration.
    pub(super) fn record(&self, duration: Duration) {
        self.0[bucket(nanos(duration))].fetch_add(1, Relaxed);
    }

    /// The count of each bucket.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|count| count.load(Relaxed))
    }

    /// Adds all of `other`.
    pub(super) fn absorb(&self, other: &Self) {
        for (count, more) in self.0.iter().zip(other.counts()).filter(|(_, more)| *more > 0) {
            count.fetch_add(more, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        assert_eq!(range(0), 0..1_024);
        for bucket in 1..BUCKETS {
            assert_eq!(range(bucket - 1).end, range(bucket).start, "{bucket}");
        }
        assert_eq!(range(BUCKETS - 1).end, 1 << MAX_BITS);
        assert_eq!((bucket(u64::MAX), bucket(0)), (BUCKETS - 1, 0));
    }

    proptest! {
        #[test]
        fn a_duration_is_within_its_bucket_and_that_is_narrow(nanos in 0u64..1 << MAX_BITS) {
            let range = range(bucket(nanos));
            prop_assert!(range.contains(&nanos), "{} in {:?}", nanos, range);
            let width = range.end - range.start;
            prop_assert!(width == 1 << UNIT_BITS || width * PARTS <= range.start, "{:?}", range);
        }
    }
}
