//! How fast bytes move on a connection, lately: by looks at its counters.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Bytes a second in and out, between the last two looks.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    seen: [AtomicU64; 2],
    rate: [AtomicU64; 2],
}

impl Pace {
    /// So many bytes have come and gone by now; the last look, or the beginning, was so long ago.
    pub(crate) fn look(&self, bytes: [u64; 2], since: Duration) {
        for ((seen, rate), bytes) in self.seen.iter().zip(&self.rate).zip(bytes) {
            let moved = bytes.saturating_sub(seen.swap(bytes, Relaxed));
            // What has been open for less than a second has moved no more than it has.
            let per_second = moved as f64 / since.as_secs_f64().max(1.0);
            rate.store(per_second.round() as u64, Relaxed);
        }
    }

    /// Bytes a second, in and out.
    pub(crate) fn bytes_per_second(&self) -> [u64; 2] {
        [&self.rate[0], &self.rate[1]].map(|rate| rate.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_that_between_the_last_two_looks() {
        let (pace, five) = (Pace::default(), Duration::from_secs(5));
        assert_eq!(pace.bytes_per_second(), [0, 0]);
        pace.look([1_000, 10], five);
        assert_eq!(pace.bytes_per_second(), [200, 2]);
        pace.look([1_000, 510], five);
        assert_eq!(pace.bytes_per_second(), [0, 100]);
    }

    #[test]
    fn a_moment_makes_no_endless_pace() {
        let pace = Pace::default();
        pace.look([1_000, 0], Duration::ZERO);
        assert_eq!(pace.bytes_per_second(), [1_000, 0]);
    }
}
