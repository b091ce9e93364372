//! Times and sizes in a few characters, for people.

use std::time::Duration;

use super::go_duration::go_duration;

/// A duration in its largest unit, to three digits below a minute: `843us`, `12.3ms`, `4.02s`, `10s`, `3m4s`.
pub(super) fn brief(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        return go_duration(duration);
    }
    match duration.as_secs_f64() * 1e6 {
        micros if micros < 999.5 => format!("{micros:.0}us"),
        micros if micros < 999_500.0 => format!("{}ms", three(micros / 1e3)),
        micros if micros < 59_950_000.0 => format!("{}s", three(micros / 1e6)),
        _ => go_duration(duration),
    }
}

/// A number of bytes: `512 B`, `1.5 KiB`, `20.0 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut number = bytes as f64 / 1024.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next();
    while number >= 1023.95
        && let Some(larger) = units.next()
    {
        (number, unit) = (number / 1024.0, Some(larger));
    }
    format!("{number:.1} {}", unit.unwrap_or_default())
}

/// A number below 1000 to three digits.
fn three(number: f64) -> String {
    match number {
        number if number < 9.995 => format!("{number:.2}"),
        number if number < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (nanos, text) in [
            (0, "0s"),
            (10_000_000_000, "10s"),
            (843_210, "843us"),
            (999_600, "1.00ms"),
            (12_345_000, "12.3ms"),
            (999_400_000, "999ms"),
            (999_600_000, "1.00s"),
            (4_021_000_000, "4.02s"),
            (59_900_000_000, "59.9s"),
            (184_500_000_000, "3m4s"),
        ] {
            assert_eq!(brief(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (20 << 20, "20.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
