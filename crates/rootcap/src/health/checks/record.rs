//! What is known of one check, and when its failures count: the rules, without a task or a clock.

use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row it takes until a check affects anything: one alone may be an accident.
pub(super) const FAILURES: u32 = 3;

/// What a check has last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckState {
    /// Nothing yet.
    NotRun,
    /// All is well.
    Ok,
    /// It failed.
    Failing,
}

/// What a result changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// The first failure.
    Failing,
    /// As many failures in a row as it takes: what the check affects is not serving.
    Unhealthy,
    /// The first success after failures, the first of which was so long ago.
    Recovered(Duration),
}

/// What is known of one check.
#[derive(Debug)]
pub(super) struct Record {
    state: CheckState,
    since: Instant,
    failures: u32,
    running_since: Option<Instant>,
    last_duration: Option<Duration>,
    last_error: Option<(String, Instant)>,
    next: Option<Instant>,
}

/// A record at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) state: CheckState,
    /// For how long it has been in this state.
    pub(crate) time: Duration,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// For how long it has been running, if it is.
    pub(crate) running: Option<Duration>,
    pub(crate) last_duration: Option<Duration>,
    /// The last error, and how long ago that was; a success does not remove it.
    pub(crate) last_error: Option<(String, Duration)>,
    /// In how long it runs next, if it will.
    pub(crate) next: Option<Duration>,
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: CheckState::NotRun,
            since: now,
            failures: 0,
            running_since: None,
            last_duration: None,
            last_error: None,
            next: Some(now),
        }
    }

    /// A run begins.
    pub(super) fn began(&mut self, now: Instant, next: Instant) {
        self.running_since = Some(now);
        self.next = Some(next);
    }

    /// A run that has not ended in its time goes on; it is looked at again at `next`.
    pub(super) fn goes_on(&mut self, next: Instant) {
        self.next = Some(next);
    }

    /// It has ended.
    pub(super) fn ended(&mut self) {
        self.running_since = None;
    }

    /// No run will follow.
    pub(super) fn stopped(&mut self) {
        self.running_since = None;
        self.next = None;
    }

    /// A run has succeeded, failed, or is taken to have failed because it goes on for too long.
    pub(super) fn settle(&mut self, result: Result<(), String>, now: Instant) -> Change {
        self.last_duration = self.running_for(now);
        let before = self.state;
        let Err(error) = result else {
            let failing_for = now.saturating_duration_since(self.since);
            self.enter(CheckState::Ok, now);
            self.failures = 0;
            return match before {
                CheckState::Failing => Change::Recovered(failing_for),
                CheckState::Ok | CheckState::NotRun => Change::None,
            };
        };
        self.enter(CheckState::Failing, now);
        self.last_error = Some((error, now));
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            1 => Change::Failing,
            FAILURES => Change::Unhealthy,
            _ => Change::None,
        }
    }

    fn enter(&mut self, state: CheckState, now: Instant) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }

    /// For how long it has been running.
    pub(super) fn running_for(&self, now: Instant) -> Option<Duration> {
        self.running_since.map(|since| now.saturating_duration_since(since))
    }

    pub(super) fn shown(&self, now: Instant) -> Shown {
        Shown {
            state: self.state,
            time: now.saturating_duration_since(self.since),
            failures: self.failures,
            running: self.running_for(now),
            last_duration: self.last_duration,
            last_error: self
                .last_error
                .as_ref()
                .map(|(error, at)| (error.clone(), now.saturating_duration_since(*at))),
            next: self.next.map(|next| next.saturating_duration_since(now)),
        }
    }
}

/// The time to the next run: the interval, give or take a tenth. `random` is from 0 to 1.
pub(super) fn with_jitter(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed() -> Result<(), String> {
        Err("down".to_owned())
    }

    #[test]
    fn a_record_tells_the_story_of_its_runs() {
        let start = Instant::now();
        let mut record = Record::new(start);
        let shown = record.shown(start + SECOND);
        assert_eq!((shown.state, shown.time, shown.running), (CheckState::NotRun, SECOND, None));

        record.began(start + SECOND, start + 11 * SECOND);
        assert_eq!(record.shown(start + 3 * SECOND).running, Some(2 * SECOND));
        assert_eq!(record.settle(failed(), start + 4 * SECOND), Change::Failing);
        record.ended();
        let shown = record.shown(start + 6 * SECOND);
        let expected = Shown {
            state: CheckState::Failing,
            time: 2 * SECOND,
            failures: 1,
            running: None,
            last_duration: Some(3 * SECOND),
            last_error: Some(("down".to_owned(), 2 * SECOND)),
            next: Some(5 * SECOND),
        };
        assert_eq!(shown, expected);

        record.began(start + 11 * SECOND, start + 21 * SECOND);
        assert_eq!(record.settle(Ok(()), start + 12 * SECOND), Change::Recovered(8 * SECOND));
        record.ended();
        let shown = record.shown(start + 12 * SECOND);
        assert_eq!((shown.state, shown.failures), (CheckState::Ok, 0));
        assert_eq!(shown.last_error, Some(("down".to_owned(), 8 * SECOND)));

        record.stopped();
        assert_eq!(record.shown(start + 12 * SECOND).next, None);
    }

    #[test]
    fn the_interval_varies_by_a_tenth() {
        let times = [0.0, 0.5, 1.0].map(|random| with_jitter(10 * SECOND, random).as_millis());
        assert_eq!(times, [9_000, 10_000, 11_000]);
    }

    proptest! {
        /// What is affected is not serving exactly while the last three results are failures, and each change is
        /// told once.
        #[test]
        fn unhealthy_after_three_in_a_row_and_one_success_recovers(
            results in proptest::collection::vec(any::<bool>(), 0..60)
        ) {
            let now = Instant::now();
            let mut record = Record::new(now);
            let (mut failing, mut unhealthy) = (false, false);
            for at in 0..results.len() {
                let change = record.settle(if results[at] { Ok(()) } else { failed() }, now);
                let (was_failing, was_unhealthy) = (failing, unhealthy);
                match change {
                    Change::Failing => failing = true,
                    Change::Unhealthy => unhealthy = true,
                    Change::Recovered(_) => (failing, unhealthy) = (false, false),
                    Change::None => {}
                }
                prop_assert_eq!(failing, !results[at]);
                let last = &results[at.saturating_sub(2)..=at];
                prop_assert_eq!(unhealthy, last.len() == 3 && !last.contains(&true));
                if change != Change::None {
                    prop_assert_ne!((failing, unhealthy), (was_failing, was_unhealthy));
                }
                prop_assert_eq!(record.shown(now).state == CheckState::Failing, failing);
            }
        }
    }
}
