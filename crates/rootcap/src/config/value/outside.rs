//! Values outside of the settings, such as in a request of the admin port: read as settings are, with the same errors.
//! An error says what is wrong, and what is accepted.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Auto, Rate, Rule, Size, Value};
use crate::config::settings::{LEAST_REQUEST_BYTES, MOST_CALLS, MOST_REQUEST_BYTES};

/// A duration of this range, or "off".
pub(crate) fn optional_duration(
    text: &str,
    range: RangeInclusive<Duration>,
) -> Result<Option<Duration>, String> {
    read(text, &range)
}

/// A rate.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    read(text, &..)
}

/// How many calls may be in flight.
pub(crate) fn calls(text: &str) -> Result<NonZeroU32, String> {
    read(text, &(NonZeroU32::MIN..=MOST_CALLS))
}

/// How many of something, or "auto".
pub(crate) fn auto_count(text: &str) -> Result<Auto<NonZeroU32>, String> {
    read(text, &(NonZeroU32::MIN..))
}

/// How many bytes of requests may be in flight.
pub(crate) fn request_bytes(text: &str) -> Result<Size, String> {
    read(text, &(LEAST_REQUEST_BYTES..=MOST_REQUEST_BYTES))
}

fn read<T: Value>(text: &str, rule: &impl Rule<T>) -> Result<T, String> {
    let parsed = T::from_text(text).and_then(|value| rule.check(&value).map(|()| value));
    parsed.map_err(|problems| problems.sentence(&rule.accepts(T::accepts())))
}
