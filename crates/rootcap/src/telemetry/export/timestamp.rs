//! Reads the timestamps of the log back.

/// Nanoseconds since 1970 of `2026-11-20T14:51:03.848246Z`, as the log writes it; `None` for any other form.
pub(super) fn nanos(text: &str) -> Option<u64> {
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    if !shape.eq(*b"0000-00-00T00:00:00.000000Z") {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u64>().ok();
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let seconds = ((days * 24 + number(11, 13)?) * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    (seconds * 1_000_000 + number(20, 26)?).checked_mul(1_000)
}

/// Days since 1970 in the Gregorian calendar, with years that begin in March: the leap day is then the last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let before_month = (153 * month + 2) / 5;
    // From the first of March of the year 0 to 1970.
    (365 * year + leap_days + before_month + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;
    use rootcap_layers::access_log::Format;
    use tracing::Level;

    use super::*;

    proptest! {
        #[test]
        fn what_the_log_writes_is_read_back(micros in 0..253_370_764_800_000_000_u64) {
            // Beyond the year 2554, nanoseconds do not fit.
            let micros = micros % 18_000_000_000_000_000;
            let mut line = Vec::new();
            let at = UNIX_EPOCH + Duration::from_micros(micros);
            Format::Text.render(&mut line, at, Level::INFO, "", |_| {});
            let text = String::from_utf8_lossy(&line[..27]);
            prop_assert_eq!(nanos(&text), Some(micros * 1_000), "{}", text);
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.000000Z",
            "0000-01-01T00:00:00.000000Z",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
