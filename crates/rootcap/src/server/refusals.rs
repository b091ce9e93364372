//! How often to tell of connections that are refused or fail, so that a flood of them does not flood the log.

use std::time::{Duration, Instant};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// Those of one kind.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    untold: u64,
    told: Option<Instant>,
}

impl Refusals {
    /// A connection was refused; if it is time for a line, how many have been since the last one.
    pub(crate) fn refused(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < PAUSE) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_is_told_at_once_and_the_others_together() {
        let start = Instant::now();
        let mut refusals = Refusals::default();
        let mut at = |seconds| refusals.refused(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(9), at(10), at(11), at(60)],
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }
}
