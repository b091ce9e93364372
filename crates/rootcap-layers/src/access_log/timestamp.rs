//! Wall-clock time as RFC 3339 text, in UTC with microseconds.

use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};

/// `YYYY-MM-DDThh:mm:ss`.
const SECOND: usize = 19;
/// `YYYY-MM-DDThh:mm:ss.uuuuuuZ`.
const LEN: usize = SECOND + 8;
/// The last second of the year 9999, after which years have more than four digits.
const LAST_SECOND: u64 = 253_402_300_799;

thread_local! {
    /// The second that was rendered last: thousands of lines share it.
    static RENDERED: Cell<(u64, [u8; LEN])> = const { Cell::new((u64::MAX, [0; LEN])) };
}

/// Appends `at`, as in `2026-01-31T23:59:59.000001Z`. Times outside of the years 1970 to 9999 become the
/// nearest second in them.
pub(crate) fn push(out: &mut Vec<u8>, at: SystemTime) {
    let since_epoch = writable(since_epoch(at));
    let mut text = rendered(since_epoch.as_secs());
    set_micros(&mut text, since_epoch.subsec_micros());
    out.extend_from_slice(&text);
}

/// From the beginning of 1970; nothing of a time before.
pub(super) fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// The nearest time in the years that can be written.
pub(super) fn writable(since_epoch: Duration) -> Duration {
    match since_epoch.as_secs() {
        0..=LAST_SECOND => since_epoch,
        _ => Duration::new(LAST_SECOND, since_epoch.subsec_nanos()),
    }
}

/// `at` as RFC 3339 text, as in `2026-01-31T23:59:59Z`: in UTC, without what is less than a second. Times outside of the
/// years 1970 to 9999 become the nearest second in them.
pub fn rfc3339(at: SystemTime) -> String {
    let text = rendered(writable(since_epoch(at)).as_secs());
    text[..SECOND].iter().copied().map(char::from).chain(['Z']).collect()
}

/// The beginning of a second.
fn rendered(second: u64) -> [u8; LEN] {
    let cached = RENDERED.try_with(|rendered| {
        let (of, text) = rendered.get();
        if of == second {
            return text;
        }
        let text = render(second);
        rendered.set((second, text));
        text
    });
    // A thread that is ending has no cache any more.
    cached.unwrap_or_else(|_| render(second))
}

fn render(second: u64) -> [u8; LEN] {
    let (year, month, day) = civil(second / 86_400);
    let of_day = (second % 86_400) as u32;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], of_day / 3_600);
    digits(&mut text[14..16], of_day / 60 % 60);
    digits(&mut text[17..19], of_day % 60);
    text
}

/// Year, month and day of the `days`th day after 1970-01-01, for the years up to 9999.
///
/// Counts from 1 March of the year 0, so that the leap day is the last of a year; 400 years have 146,097
/// days. (Gregorian calendar, as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".)
fn civil(days: u64) -> (u32, u32, u32) {
    let days = days as u32 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u32::from(month <= 2), month, day)
}

/// Puts the microseconds into their place in what begins with a time.
pub(super) fn set_micros(text: &mut [u8], micros: u32) {
    let pairs = [micros / 10_000, micros / 100 % 100, micros % 100];
    let digits = pairs.map(|pair| [b'0' + (pair / 10) as u8, b'0' + (pair % 10) as u8]);
    text[SECOND + 1..LEN - 1].copy_from_slice(digits.as_flattened());
}

/// Fills `out` with the last digits of `number`.
fn digits(out: &mut [u8], mut number: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(at: SystemTime) -> String {
        let mut out = Vec::new();
        push(&mut out, at);
        String::from_utf8(out).expect("ASCII")
    }

    fn at(seconds: u64, micros: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros)
    }

    #[test]
    fn known_instants() {
        assert_eq!(text(at(0, 0)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(at(951_782_400, 1)), "2000-02-29T00:00:00.000001Z");
        assert_eq!(rfc3339(at(951_782_400, 999_999)), "2000-02-29T00:00:00Z");
        assert_eq!(text(at(1_700_000_000, 123_456)), "2023-11-14T22:13:20.123456Z");
        assert_eq!(text(at(4_107_542_399, 999_999)), "2100-02-28T23:59:59.999999Z");
        assert_eq!(text(at(4_107_542_400, 0)), "2100-03-01T00:00:00.000000Z");
        assert_eq!(text(at(LAST_SECOND, 0)), "9999-12-31T23:59:59.000000Z");
    }

    #[test]
    fn what_is_out_of_range_becomes_the_nearest() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(5);
        assert_eq!(text(before), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(at(LAST_SECOND + 86_400, 0)), "9999-12-31T23:59:59.000000Z");
    }

    /// Counts year by year and month by month: slow, and plainly right.
    fn counted(mut days: u64) -> (u32, u32, u32) {
        let leap = |year: u32| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let mut year = 1970;
        while days >= 365 + u64::from(leap(year)) {
            days -= 365 + u64::from(leap(year));
            year += 1;
        }
        let february = 28 + u64::from(leap(year));
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        (year, month, days as u32 + 1)
    }

    proptest! {
        #[test]
        fn every_day_until_9999(days in 0..=LAST_SECOND / 86_400) {
            prop_assert_eq!(civil(days), counted(days));
        }

        #[test]
        fn every_instant(seconds in 0..=LAST_SECOND, micros in 0u64..1_000_000) {
            let text = text(at(seconds, micros));
            let (year, month, day) = counted(seconds / 86_400);
            let of_day = seconds % 86_400;
            let (hour, minute, second) = (of_day / 3_600, of_day % 3_600 / 60, of_day % 60);
            prop_assert_eq!(
                text,
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
            );
        }
    }
}
