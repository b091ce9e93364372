//! [`Report`]: says that exports fail, and that they succeed again, without filling the log.

use std::time::{Duration, Instant};

/// How often is said that the trouble goes on.
const EVERY: Duration = Duration::from_secs(60);

/// When to say what. Losses are counted until the trouble is over.
#[derive(Debug, Default)]
pub(super) struct Report {
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    said: Instant,
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
        let first = self.trouble.is_none();
        let trouble = self.trouble.get_or_insert(Trouble { since: now, said: now, lost: 0 });
        trouble.lost += lost;
        if !first && now.duration_since(trouble.said) < EVERY {
            return None;
        }
        trouble.said = now;
        Some(Loss { lost: trouble.lost, since: now.duration_since(trouble.since) })
    }

    /// All is well. Gives what to say, if it was not before.
    pub(super) fn succeeded(&mut self, now: Instant) -> Option<Loss> {
        let trouble = self.trouble.take()?;
        Some(Loss { lost: trouble.lost, since: now.duration_since(trouble.since) })
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
        assert_eq!(report.failed(at(72), 2), loss(2, 0));
    }
}
