//! Medians, spreads and ratios.

use serde::{Deserialize, Serialize};

/// The middle of some samples, and how far they spread: all of them, or of ten and more those that are not of the lowest
/// or the highest tenth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Summary {
    /// Sums samples up; `None` without any.
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let tenth = sorted.len() / 10;
        let (low, high) = (*sorted.get(tenth)?, sorted[sorted.len() - 1 - tenth]);
        // With an even number, the middle lies between two.
        let (left, right) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { median: f64::midpoint(left, right), low, high })
    }

    /// The ratios of samples that were taken in the same round, pair by pair: what slows the machine down for a while
    /// slows both down. `None` if there is nothing to compare with.
    pub(crate) fn of_ratios(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let ratio = |(value, base)| (base != 0.0).then_some(value / base);
        Self::of(pairs.into_iter().map(ratio).collect::<Option<Vec<_>>>()?)
    }

    /// Whether the two have no value in common.
    pub(crate) fn is_apart_from(&self, other: &Self) -> bool {
        self.low > other.high || self.high < other.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(median: f64, low: f64, high: f64) -> Option<Summary> {
        Some(Summary { median, low, high })
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary::of([7.0]), summary(7.0, 7.0, 7.0));
        assert_eq!(Summary::of([3.0, 1.0, 100.0]), summary(3.0, 1.0, 100.0));
        assert_eq!(Summary::of([4.0, 1.0, 2.0, 100.0]), summary(3.0, 1.0, 100.0));
    }

    #[test]
    fn of_many_samples_the_outermost_are_not_of_the_spread() {
        let samples = |count: u32| (0..count).map(f64::from);
        assert_eq!(Summary::of(samples(9)), summary(4.0, 0.0, 8.0));
        assert_eq!(Summary::of(samples(11)), summary(5.0, 1.0, 9.0));
        assert_eq!(Summary::of(samples(31)), summary(15.0, 3.0, 27.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine was ten times slower in the second round: the medians of the times would give 5.5 / 11.
        let pairs = [(1.0, 2.0), (10.0, 20.0)];
        assert_eq!(Summary::of_ratios(pairs), summary(0.5, 0.5, 0.5));
    }

    #[test]
    fn spreads_that_touch_are_not_apart() {
        let [low, middle, high] = [(1.0, 2.0), (2.0, 3.0), (2.5, 9.0)].map(|(low, high)| Summary {
            median: low,
            low,
            high,
        });
        assert!(low.is_apart_from(&high) && high.is_apart_from(&low));
        assert!(!low.is_apart_from(&middle) && !middle.is_apart_from(&high));
    }
}
