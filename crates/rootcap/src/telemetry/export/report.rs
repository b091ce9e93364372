//! [`Report`]: says that exports fail, and that they succeed again, without filling the log.

use std::time::{Duration, Instant};

/// How often is said that the trouble goes on.
const EVERY: Duration = Duration::from_secs(60);

/// When to say what: trouble when it begins and while it lasts, at most once in a while, and the end of what was told.
#[derive(Debug, Default)]
pub(super) struct Report {
    trouble: Option<Trouble>,
    said: Option<Instant>,
    /// What was lost and never told.
    untold: u64,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    told: bool,
    lost: u64,
}

/// What was lost, and since when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) lost: u64,
    pub(super) since: Duration,
}

impl Report {
    /// Something went wrong, by which `lost` items are lost, or none yet. Gives what to say, if it is time to.
    pub(super) fn failed(&mut self, now: Instant, lost: u64) -> Option<Loss> {
        // What is lost in trouble that came and went unsaid is told with the next.
        let untold = self.untold;
        let new = || Trouble { since: now, told: false, lost: untold };
        let trouble = self.trouble.get_or_insert_with(new);
        trouble.lost += lost;
        self.untold += lost;
        if self.said.is_some_and(|said| now.duration_since(said) < EVERY) {
            return None;
        }
        trouble.told = true;
        self.said = Some(now);
        self.untold = 0;
        Some(Loss { lost: trouble.lost, since: now.duration_since(trouble.since) })
    }

    /// All is well. Gives what to say, if it was not before, and that was said.
    pub(super) fn succeeded(&mut self, now: Instant) -> Option<Loss> {
        let trouble = self.trouble.take().filter(|trouble| trouble.told)?;
        self.untold = 0;
        Some(Loss { lost: trouble.lost, since: now.duration_since(trouble.since) })
    }

    /// Nothing more will come. What was lost and never told.
    pub(super) fn ended(&self) -> u64 {
        self.untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_first_then_once_a_minute_and_its_end_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let loss = |lost, seconds| Some(Loss { lost, since: Duration::from_secs(seconds) });
        let mut report = Report::default();
        assert_eq!(report.succeeded(at(0)), None);
        assert_eq!(report.failed(at(0), 0), loss(0, 0));
        assert_eq!(report.failed(at(1), 5), None);
        assert_eq!(report.failed(at(59), 5), None);
        assert_eq!(report.failed(at(60), 5), loss(15, 60));
        assert_eq!(report.failed(at(61), 1), None);
        assert_eq!(report.succeeded(at(70)), loss(16, 70));
        assert_eq!(report.succeeded(at(71)), None);
        assert_eq!(report.failed(at(121), 2), loss(2, 0));
    }

    /// A collector that refuses a part of every second export filled the log: each trouble was a new one.
    #[test]
    fn trouble_that_comes_and_goes_is_told_once_a_minute_with_all_that_was_lost() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut report = Report::default();
        let (mut told, mut lost) = (0, 0);
        for tick in 0..10 * 60 * 50 {
            let failed = report.failed(at(20 * tick), 1);
            told += u64::from(failed.is_some());
            lost += failed.map_or(0, |loss| loss.lost);
            told += u64::from(report.succeeded(at(20 * tick + 10)).is_some());
        }
        assert_eq!(told, 20, "in ten minutes, ten times trouble and its end");
        assert_eq!(lost, 9 * 60 * 50 + 1);
    }
}
