//! When to warn of a certificate that is about to expire; it knows no clock.

use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;

/// Warn when fewer seconds than these are left.
const SOON: i64 = 14 * DAY as i64;

/// Between two warnings of the same certificate.
const PAUSE: Duration = Duration::from_secs(DAY);

/// The warnings about one certificate.
#[derive(Debug, Default)]
pub(super) struct ExpiryWarnings {
    last: Option<SystemTime>,
}

impl ExpiryWarnings {
    /// Whether to warn now of a certificate that has so many seconds left.
    pub(super) fn due(&mut self, seconds_left: i64, now: SystemTime) -> bool {
        if seconds_left >= SOON {
            return false;
        }
        // A clock that was set back shows nothing: that is as good as a day.
        let since = self.last.map(|last| now.duration_since(last));
        if matches!(since, Some(Ok(since)) if since < PAUSE) {
            return false;
        }
        self.last = Some(now);
        true
    }
}

/// Whole days, rounded down: a certificate with hours left has 0, one that has expired a negative number.
pub(super) fn days(seconds: i64) -> i64 {
    seconds.div_euclid(DAY as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn below_fourteen_days_there_is_one_a_day() {
        let mut warnings = ExpiryWarnings::default();
        assert!(!warnings.due(SOON, at(0)));
        let due: Vec<u64> =
            (1..=3 * DAY).step_by(10).filter(|&s| warnings.due(SOON - 1, at(s))).collect();
        assert_eq!(due, [1, DAY + 1, 2 * DAY + 1]);
    }

    #[test]
    fn one_that_has_expired_is_warned_of() {
        assert!(ExpiryWarnings::default().due(-1, at(0)));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_none() {
        let mut warnings = ExpiryWarnings::default();
        assert!(warnings.due(0, at(10 * DAY)));
        assert!(warnings.due(0, at(DAY)));
        assert!(!warnings.due(0, at(DAY + 1)));
    }

    #[test]
    fn days_are_rounded_down() {
        let day = DAY as i64;
        assert_eq!([-1, 0, day - 1, day].map(days), [-1, 0, 0, 1]);
    }
}
