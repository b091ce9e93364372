//! Durations as Go prints them, in whole seconds: what operators' scripts of such pages read.

use std::time::Duration;

/// `duration` as Go's `time.Duration` prints it, cut to whole seconds: `167h10m2s`, `3m4s`, `0s`.
pub(super) fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (184, "3m4s"),
            (3600, "1h0m0s"),
            (601_802, "167h10m2s"),
        ] {
            assert_eq!(go_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(go_duration(Duration::from_millis(1_999)), "1s");
    }

    /// Reads back what Go would read.
    fn parse(text: &str) -> u64 {
        let mut total = 0;
        let mut rest = text;
        while let Some(end) = rest.find(['h', 'm', 's']) {
            let number: u64 = rest[..end].parse().unwrap();
            let (factor, below) = match &rest[end..=end] {
                "h" => (3600, u64::MAX),
                "m" => (60, 60),
                _ => (1, 60),
            };
            assert!(number < below, "{text}");
            total += number * factor;
            rest = &rest[end + 1..];
        }
        assert!(rest.is_empty());
        total
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_seconds(seconds in any::<u64>(), nanos in 0_u32..1_000_000_000) {
            let text = go_duration(Duration::new(seconds, nanos));
            prop_assert_eq!(parse(&text), seconds);
            prop_assert!(text == "0s" || !text.starts_with('0'));
        }
    }
}
