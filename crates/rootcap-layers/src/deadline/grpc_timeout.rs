//! The header `grpc-timeout` (gRPC over HTTP/2, "Timeout": at most 8 digits and a unit).

use std::time::Duration;

/// The header is not 1 to 8 digits followed by one of `H`, `M`, `S`, `m`, `u`, `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The time from now that the caller gives the call.
pub(crate) fn parse(value: &[u8]) -> Result<Duration, Malformed> {
    let (unit, digits) = value.split_last().ok_or(Malformed)?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Ok(Duration::from_secs(number * 3_600)),
        b'M' => Ok(Duration::from_secs(number * 60)),
        b'S' => Ok(Duration::from_secs(number)),
        b'm' => Ok(Duration::from_millis(number)),
        b'u' => Ok(Duration::from_micros(number)),
        b'n' => Ok(Duration::from_nanos(number)),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn malformed_values() {
        for value in [
            "",
            "1",
            "S",
            "-1S",
            "+1S",
            "1 S",
            "1.5S",
            "123456789S",
            "1s",
            "1h",
            "0x1S",
            "\u{661}S",
        ] {
            assert_eq!(parse(value.as_bytes()), Err(Malformed), "{value:?}");
        }
    }

    #[test]
    fn the_largest_and_the_smallest() {
        assert_eq!(parse(b"99999999H"), Ok(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!(parse(b"0n"), Ok(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn every_number_and_unit(number in 0u32..100_000_000, unit in 0usize..6) {
            let (unit, nanos) = [("H", 3_600_000_000_000u64), ("M", 60_000_000_000), ("S", 1_000_000_000), ("m", 1_000_000), ("u", 1_000), ("n", 1)][unit];
            let parsed = parse(format!("{number}{unit}").as_bytes()).expect("well-formed");
            prop_assert_eq!(parsed.as_nanos(), u128::from(number) * u128::from(nanos));
        }

        #[test]
        fn any_bytes(value in proptest::collection::vec(any::<u8>(), 0..12)) {
            let well_formed = matches!(value.split_last(), Some((unit, digits))
                if b"HMSmun".contains(unit) && (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit));
            prop_assert_eq!(parse(&value).is_ok(), well_formed);
        }
    }
}
