//! The version's text, made of its parts: nothing here reads a file, an environment or a clock.

use std::fmt;

/// The last second that the eight digits of a date can hold: 9999-12-31T23:59:59Z.
const LATEST: u64 = 253_402_300_799;

/// What a version consists of.
pub(crate) struct Version<'a> {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) commits: u64,
    pub(crate) sha: &'a str,
    /// Seconds since 1970, UTC; at most [`LATEST`].
    pub(crate) seconds: u64,
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, commits, sha, seconds } = self;
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{major}.{minor}.{commits}-{sha}-")?;
        write!(f, "{year:04}{month:02}{day:02}.{hour:02}{minute:02}{second:02}")
    }
}

/// The time to use: that of `SOURCE_DATE_EPOCH`, else that of the commit, else 1970.
///
/// # Errors
///
/// When `epoch` is set, but is no time that can be written.
pub(crate) fn time(epoch: Option<&str>, commit: Option<u64>) -> Result<u64, String> {
    let Some(epoch) = epoch else {
        return Ok(commit.unwrap_or(0).min(LATEST));
    };
    // `parse` alone would take a leading "+".
    let digits = epoch.bytes().all(|byte| byte.is_ascii_digit());
    epoch.parse().ok().filter(|seconds| digits && *seconds <= LATEST).ok_or_else(|| {
        format!("SOURCE_DATE_EPOCH is {epoch:?}, but must be whole seconds since 1970, from 0 to {LATEST}")
    })
}

/// Year, month and day (both from 1) of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Counts in years that begin in March, so that the leap day is a year's last, and in eras of 400 years, all of which
/// have the same number of days.
fn civil_date(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 400 * 365 + 97;
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days_since_1970 + FROM_MARCH_OF_YEAR_0;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    // Take away the leap days before this one; the era's last day is a leap day of its own.
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, five months always take 153 days.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(seconds: u64) -> String {
        let version = Version { major: 1, minor: 2, commits: 3, sha: "abc", seconds };
        version
            .to_string()
            .strip_prefix("1.2.3-abc-")
            .expect("the parts come in this order")
            .to_owned()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "19700101.000000");
        assert_eq!(date(951_782_400), "20000229.000000");
        assert_eq!(date(951_868_799), "20000229.235959");
        assert_eq!(date(951_868_800), "20000301.000000");
        assert_eq!(date(1_700_000_000), "20231114.221320");
        assert_eq!(date(4_107_542_399), "21000228.235959", "2100 is no leap year");
        assert_eq!(date(4_107_542_400), "21000301.000000");
        assert_eq!(date(LATEST), "99991231.235959");
    }

    #[test]
    fn days_follow_each_other_for_four_centuries() {
        let days_in = |year: u64, month: u64| match month {
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1970, 1, 1);
        for day in 0..146_097 {
            assert_eq!(civil_date(day), expected);
            let (year, month, day_of_month) = expected;
            expected = match (month, day_of_month) {
                (12, 31) => (year + 1, 1, 1),
                (month, last) if last == days_in(year, month) => (year, month + 1, 1),
                _ => (year, month, day_of_month + 1),
            };
        }
    }

    #[test]
    fn source_date_epoch_comes_before_the_commit() {
        assert_eq!(time(Some("5"), Some(7)), Ok(5));
        assert_eq!(time(None, Some(7)), Ok(7));
        assert_eq!(time(None, None), Ok(0));
    }

    #[test]
    fn a_bad_source_date_epoch_is_an_error_that_shows_it() {
        for bad in ["", "+5", "-5", "5s", "1e9", " 5", "253402300800", "99999999999999999999"] {
            let error = time(Some(bad), Some(7)).expect_err("no such time");
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
