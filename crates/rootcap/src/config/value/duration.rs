//! Durations: `"5s"`, `"250ms"`, `"1m30s"`, `"2h"`.

use std::time::Duration;

use super::{Problems, Value, ranged};

/// The units, longest first, in nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Parses whole numbers with units, longest unit first: `1h30m`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut nanos: u128 = 0;
    loop {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        let (name, after) = split(after, |c| c.is_ascii_alphabetic());
        // `find` moves on past the unit it finds, so that no unit comes twice and none out of order.
        let (_, unit) = units.find(|(unit, _)| *unit == name)?;
        nanos = digits.parse::<u128>().ok()?.checked_mul(*unit)?.checked_add(nanos)?;
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
}

/// The text before the first character that is not wanted, and the text from there on.
fn split(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !wanted(c)).unwrap_or(text.len()))
}

/// Renders a duration exactly, in the form that [`parse`] reads.
pub(super) fn render(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (name, unit) in UNITS {
        if rest >= unit {
            text += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    text
}

impl Value for Duration {
    fn accepts() -> String {
        r#"a duration such as "250ms", "5s" or "1m30s""#.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        parse(text).ok_or_else(|| {
            let bare_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            if bare_number { Problems::because("the unit is missing") } else { Problems::plain() }
        })
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Integer(_) => Err(Problems::because("the unit is missing")),
            _ => Err(Problems::plain()),
        }
    }

    fn to_toml(&self) -> toml::Value {
        render(*self).into()
    }
}

ranged!(Duration);
