//! What `/debug/latency` is asked, and what it shows.

use std::collections::BTreeMap;
use std::time::Duration;

use rootcap_layers::{code_name, metrics::Tally, outcome::CODES};
use serde::Serialize;

use super::fields::Fields;
use super::process::seconds;
use super::query;

/// The most methods that are shown.
const MOST: usize = 1_000;
/// How many are shown where nobody asks for more.
const USUAL: usize = 20;
/// The longest time between two looks that a browser is told of, in seconds.
const MAX_REFRESH: u64 = 3_600;

/// Which methods to show, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LatencyQuery {
    /// A part of the path.
    pub(crate) method: Option<String>,
    pub(crate) limit: usize,
    /// After how many seconds a browser looks again.
    pub(super) refresh: Option<u64>,
}

impl Default for LatencyQuery {
    fn default() -> Self {
        Self { method: None, limit: USUAL, refresh: None }
    }
}

impl LatencyQuery {
    /// The parameters of a query.
    pub(super) const NAMES: &[&str] = &["method", "limit", "refresh"];

    /// Reads a query.
    ///
    /// # Errors
    /// When a parameter is none that is accepted.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, String> {
        // A form sends what was left empty, too.
        let given = |name| fields.get(name).filter(|value| !value.is_empty());
        let limit = |value| query::number("limit", value, 1, MOST);
        let refresh = |value| query::number("refresh", value, 1, MAX_REFRESH);
        Ok(Self {
            method: given("method").map(str::to_owned),
            limit: given("limit").map(limit).transpose()?.unwrap_or(USUAL),
            refresh: given("refresh").map(refresh).transpose()?,
        })
    }

    /// The query that [`read`](Self::read) reads so, without what is usual.
    pub(super) fn to_query(&self) -> String {
        let mut pairs = Vec::new();
        pairs.extend(self.method.clone().map(|method| ("method", method)));
        if self.limit != USUAL {
            pairs.push(("limit", self.limit.to_string()));
        }
        pairs.extend(self.refresh.map(|refresh| ("refresh", refresh.to_string())));
        query::query(&pairs)
    }
}

/// The methods that have been called, and how.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct LatencyRows {
    /// How many there are, shown or not.
    pub(crate) matching: usize,
    /// Those with the most calls in the last minute first, then those with the most calls.
    pub(crate) methods: Vec<LatencyRow>,
}

/// The calls of one method that have ended.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LatencyRow {
    /// Its path.
    pub(crate) method: String,
    pub(crate) in_flight: i64,
    /// Of the last minute, of the last hour, since the start.
    pub(crate) windows: Vec<WindowRow>,
    /// Since the start: where the time of its calls went.
    pub(crate) phases: Vec<PhaseRow>,
}

/// Calls that have ended in a time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WindowRow {
    /// `minute`, `hour` or `start`.
    pub(crate) window: &'static str,
    /// How long it is.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(crate) length: Duration,
    pub(crate) calls: u64,
    pub(crate) calls_per_second: f64,
    /// Calls that did not end with OK, by code.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    #[serde(rename = "p50_seconds", serialize_with = "seconds")]
    pub(crate) p50: Option<Duration>,
    #[serde(rename = "p90_seconds", serialize_with = "seconds")]
    pub(crate) p90: Option<Duration>,
    #[serde(rename = "p99_seconds", serialize_with = "seconds")]
    pub(crate) p99: Option<Duration>,
    #[serde(rename = "p99_9_seconds", serialize_with = "seconds")]
    pub(crate) p999: Option<Duration>,
    /// How many calls took how long.
    pub(crate) distribution: Vec<BarRow>,
}

/// How many calls took at least `from`, and less than `to`.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct BarRow {
    #[serde(rename = "from_seconds", serialize_with = "seconds")]
    pub(crate) from: Duration,
    #[serde(rename = "to_seconds", serialize_with = "seconds")]
    pub(crate) to: Duration,
    pub(crate) calls: u64,
}

/// The time that calls spent in a phase.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PhaseRow {
    pub(crate) phase: &'static str,
    /// How many were in it.
    pub(crate) calls: u64,
    /// How long, on average.
    pub(crate) mean_seconds: Option<f64>,
    /// 99 % of them were in it for at most this; absent if that is not known.
    pub(crate) most_within_seconds: Option<f64>,
}

impl WindowRow {
    pub(crate) fn new(window: &'static str, length: Duration, tally: &Tally) -> Self {
        let errors = CODES.into_iter().zip(tally.codes()).skip(1).filter(|(_, count)| **count > 0);
        let counts = tally.latencies().iter().enumerate().filter(|(_, count)| **count > 0);
        let bar = |(place, &calls): (usize, &u64)| {
            let range = Tally::range(place);
            BarRow { from: range.start, to: range.end, calls }
        };
        Self {
            window,
            length,
            calls: tally.calls(),
            // A process that is younger than a second has no rate yet.
            calls_per_second: tally.calls() as f64 / length.as_secs_f64().max(1.0),
            errors: errors.map(|(code, &count)| (code_name(code), count)).collect(),
            p50: tally.within(0.5),
            p90: tally.within(0.9),
            p99: tally.within(0.99),
            p999: tally.within(0.999),
            distribution: counts.map(bar).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parse(text: &str) -> Result<LatencyQuery, String> {
        LatencyQuery::read(&Fields::read(text, LatencyQuery::NAMES)?)
    }

    #[test]
    fn a_query_is_read_as_it_is_written() {
        let query = LatencyQuery { method: Some("Say".to_owned()), limit: 3, refresh: Some(10) };
        assert_eq!(parse("method=Say&limit=3&refresh=10"), Ok(query.clone()));
        assert_eq!(query.to_query(), "method=Say&limit=3&refresh=10");
        assert_eq!(parse("refresh=&method="), Ok(LatencyQuery::default()));
        for (text, told) in [
            (
                "window=hour",
                "there is no parameter \"window\"; expected \"method\", \"limit\" or \"refresh\"",
            ),
            ("limit=1001", "limit=1001: expected a whole number from 1 to 1000"),
            ("refresh=0", "refresh=0: expected a whole number from 1 to 3600"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
