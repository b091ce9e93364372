//! [`Tally`]: how many calls ended in a time, how long they took and with which codes.

use std::{ops::Range, time::Duration};

use super::distribution::{self, BUCKETS};
use crate::outcome::CODES;

/// All that is counted: calls by how long they took, then calls by code.
const COUNTS: usize = BUCKETS + CODES.len();

/// How many calls of a method ended in a time: by how long they took, and by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally(Box<[u64; COUNTS]>);

impl Default for Tally {
    fn default() -> Self {
        Self(Box::new([0; COUNTS]))
    }
}

/// What is not zero of a [`Tally`], for times of which many are kept.
pub(super) type Sparse = Box<[(u16, u32)]>;

impl Tally {
    pub(super) fn new(
        latencies: impl IntoIterator<Item = u64>,
        codes: impl IntoIterator<Item = u64>,
    ) -> Self {
        let mut tally = Self::default();
        let (buckets, by_code) = tally.0.split_at_mut(BUCKETS);
        fill(buckets, latencies);
        fill(by_code, codes);
        tally
    }

    /// How many there were.
    pub fn calls(&self) -> u64 {
        self.latencies().iter().sum()
    }

    /// How many there were of each code, by its number.
    pub fn codes(&self) -> &[u64] {
        &self.0[BUCKETS..]
    }

    /// How many took how long: counts whose times [`range`](Self::range) tells.
    pub fn latencies(&self) -> &[u64] {
        &self.0[..BUCKETS]
    }

    /// The times that are counted at this place of [`latencies`](Self::latencies).
    pub fn range(place: usize) -> Range<Duration> {
        let Range { start, end } = distribution::range(place);
        Duration::from_nanos(start)..Duration::from_nanos(end)
    }

    /// The time within which this part of all calls ended (0.5 for half of them), to an eighth of itself; `None` without
    /// any.
    pub fn within(&self, part: f64) -> Option<Duration> {
        let wanted = (part * self.calls() as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        for (place, &count) in self.latencies().iter().enumerate() {
            if count > 0 && below + count >= wanted {
                let Range { start, end } = distribution::range(place);
                // As if they were spread evenly.
                let inside = (end - start) as f64 * ((wanted - below) as f64 / count as f64);
                return Some(Duration::from_nanos(start + inside as u64));
            }
            below += count;
        }
        None
    }

    /// What was counted since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        for (count, before) in since.0.iter_mut().zip(before.0.iter()) {
            *count = count.saturating_sub(*before);
        }
        since
    }

    pub(super) fn add(&mut self, more: &Sparse) {
        for &(place, count) in more {
            self.0[usize::from(place)] += u64::from(count);
        }
    }

    pub(super) fn sparse(&self) -> Sparse {
        let counts = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        counts.map(|(place, &count)| (place as u16, count.try_into().unwrap_or(u32::MAX))).collect()
    }
}

fn fill(places: &mut [u64], counts: impl IntoIterator<Item = u64>) {
    for (place, count) in places.iter_mut().zip(counts) {
        *place = count;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(millis: &[u64]) -> Tally {
        let distribution = distribution::Distribution::default();
        millis.iter().for_each(|&millis| distribution.record(Duration::from_millis(millis)));
        Tally::new(distribution.counts(), [millis.len() as u64])
    }

    #[test]
    fn without_calls_nothing_is_known() {
        assert_eq!((of(&[]).calls(), of(&[]).within(0.5)), (0, None));
    }

    proptest! {
        #[test]
        fn a_part_of_all_ends_within_an_eighth_of_its_time(
            mut millis in proptest::collection::vec(1u64..100_000, 1..200), part in 0.0..=1.0f64,
        ) {
            let within = of(&millis).within(part).map_or(0.0, |time| time.as_secs_f64() * 1e3);
            millis.sort_unstable();
            let rank = ((part * millis.len() as f64).ceil() as usize).clamp(1, millis.len());
            let exact = millis[rank - 1] as f64;
            prop_assert!((within - exact).abs() <= exact / 8.0 + 0.002, "{} for {}", within, exact);
        }

        #[test]
        fn what_was_counted_since_comes_back_from_what_is_kept(
            before in proptest::collection::vec(0u64..5_000, 0..50),
            after in proptest::collection::vec(0u64..5_000, 0..50),
        ) {
            let since = of(&[before.clone(), after.clone()].concat()).since(&of(&before));
            prop_assert_eq!(&since, &of(&after));
            let mut sum = of(&before);
            sum.add(&since.sparse());
            prop_assert_eq!(sum, of(&[before, after].concat()));
        }
    }
}
