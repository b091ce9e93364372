//! [`Pace`]: how fast permits have come back of late, which tells how long a queue will take.

use std::time::Duration;

use tokio::time::Instant;

/// What a release still weighs after the next one. About the last 32 of them count.
const KEPT: f64 = 31.0 / 32.0;

/// The mean time from one release to the next, while all permits are out; the later ones weigh more.
///
/// Time in which permits are left does not count: how long nobody came says nothing of how long a queue takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// When the last permit was given, or one came back and was given again.
    busy_since: Option<Instant>,
    seconds: f64,
    releases: f64,
}

impl Pace {
    /// From here on all permits are out.
    pub(super) fn busy(&mut self, now: Instant) {
        self.busy_since.get_or_insert(now);
    }

    /// Whether all permits are out, as far as it was told.
    pub(super) fn is_busy(&self) -> bool {
        self.busy_since.is_some()
    }

    /// One of them has come back.
    pub(super) fn release(&mut self, now: Instant) {
        if let Some(since) = self.busy_since.take() {
            self.seconds = self.seconds * KEPT + seconds(since, now);
            self.releases = self.releases * KEPT + 1.0;
        }
    }

    /// The mean time between two releases. A time that is longer already, and has not ended, counts too: what has
    /// stalled is not as fast as it was. `None` before the first release.
    pub(super) fn interval(&self, now: Instant) -> Option<Duration> {
        if self.releases == 0.0 {
            return None;
        }
        let mean = self.seconds / self.releases;
        let open = self.busy_since.map_or(0.0, |since| seconds(since, now));
        let mean = if open > mean {
            (self.seconds * KEPT + open) / (self.releases * KEPT + 1.0)
        } else {
            mean
        };
        Duration::try_from_secs_f64(mean).ok()
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All permits are out; one comes back after each of `millis`, and is given again at once.
    fn busy(millis: impl IntoIterator<Item = u64>) -> (Pace, Instant) {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        pace.busy(now);
        for millis in millis {
            now += Duration::from_millis(millis);
            pace.release(now);
            pace.busy(now);
        }
        (pace, now)
    }

    fn millis(interval: Option<Duration>) -> f64 {
        interval.expect("something was released").as_secs_f64() * 1e3
    }

    #[test]
    fn nothing_is_known_before_the_first_release() {
        let (pace, now) = busy([]);
        assert_eq!(pace.interval(now + Duration::from_secs(9)), None);
    }

    #[test]
    fn the_recent_past_counts() {
        let (pace, now) = busy(std::iter::repeat_n(1_000, 500).chain([10; 320]));
        assert!((10.0..11.0).contains(&millis(pace.interval(now))), "{pace:?}");
    }

    #[test]
    fn idle_time_does_not_count() {
        let (mut pace, mut now) = busy([10]);
        pace.release(now);
        for _ in 0..1_000 {
            now += Duration::from_secs(60);
            pace.busy(now);
            now += Duration::from_millis(10);
            pace.release(now);
        }
        assert!((9.0..=10.1).contains(&millis(pace.interval(now))), "{pace:?}");
    }

    #[test]
    fn what_stalls_is_not_as_fast_as_it_was() {
        let (pace, now) = busy([10; 100]);
        assert!((9.9..10.1).contains(&millis(pace.interval(now + Duration::from_millis(9)))));
        let stalled = millis(pace.interval(now + Duration::from_secs(64)));
        assert!((2_000.0..2_200.0).contains(&stalled), "{stalled}");
    }

    proptest! {
        #[test]
        fn the_mean_is_within_what_was_seen(intervals in proptest::collection::vec(0u64..100_000, 1..200)) {
            let (pace, now) = busy(intervals.iter().copied());
            let (least, most) = (intervals.iter().min(), intervals.iter().max());
            let mean = millis(pace.interval(now)).round() as u64;
            prop_assert!(least <= Some(&mean) && Some(&mean) <= most, "{mean}");
        }
    }
}
