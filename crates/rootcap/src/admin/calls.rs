//! What `/debug/calls` is asked, and what it shows.

use std::collections::BTreeMap;
use std::time::Duration;

use rootcap_layers::Phase;
use serde::Serialize;

use super::fields::Fields;
use super::process::seconds;
use super::query;

/// The most calls that are shown one by one.
const MOST: usize = 10_000;
/// How many are shown where nobody asks for more.
const USUAL: usize = 100;

/// Which calls in flight to show, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallQuery {
    pub(crate) sort: CallOrder,
    /// A part of the path.
    pub(crate) method: Option<String>,
    /// A part of the address, or of the identity.
    pub(crate) peer: Option<String>,
    pub(crate) phase: Option<Phase>,
    pub(crate) limit: usize,
}

/// What calls are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallOrder {
    /// The oldest first.
    Age,
    /// Those with the least time left first.
    Left,
    /// By path.
    Method,
    /// By address.
    Peer,
    /// Those with the most bytes from the client first.
    Received,
    /// Those with the most bytes to the client first.
    Sent,
    /// Those with the most bytes that the client has not taken first.
    Unsent,
}

impl CallOrder {
    pub(crate) const ALL: [Self; 7] =
        [Self::Age, Self::Left, Self::Method, Self::Peer, Self::Received, Self::Sent, Self::Unsent];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Left => "left",
            Self::Method => "method",
            Self::Peer => "peer",
            Self::Received => "received",
            Self::Sent => "sent",
            Self::Unsent => "unsent",
        }
    }
}

impl Default for CallQuery {
    fn default() -> Self {
        Self { sort: CallOrder::Age, method: None, peer: None, phase: None, limit: USUAL }
    }
}

impl CallQuery {
    /// The parameters of a query.
    pub(super) const NAMES: &[&str] = &["sort", "method", "peer", "phase", "limit"];

    /// Reads a query.
    ///
    /// # Errors
    /// When a parameter is none that is accepted.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, String> {
        let usual = Self::default();
        // A form sends what was left empty, too.
        let given = |name| fields.get(name).filter(|value| !value.is_empty());
        let sort = |value| query::choice("sort", value, &CallOrder::ALL, CallOrder::as_str);
        let phase = |value| query::choice("phase", value, &Phase::ALL, Phase::as_str);
        let limit = |value| query::number("limit", value, 1, MOST);
        Ok(Self {
            sort: given("sort").map(sort).transpose()?.unwrap_or(usual.sort),
            method: given("method").map(str::to_owned),
            peer: given("peer").map(str::to_owned),
            phase: given("phase").map(phase).transpose()?,
            limit: given("limit").map(limit).transpose()?.unwrap_or(usual.limit),
        })
    }

    /// The query that [`read`](Self::read) reads so, without what is usual.
    pub(super) fn to_query(&self) -> String {
        let usual = Self::default();
        let mut pairs = Vec::new();
        if self.sort != usual.sort {
            pairs.push(("sort", self.sort.as_str().to_owned()));
        }
        pairs.extend(self.method.clone().map(|method| ("method", method)));
        pairs.extend(self.peer.clone().map(|peer| ("peer", peer)));
        pairs.extend(self.phase.map(|phase| ("phase", phase.as_str().to_owned())));
        if self.limit != usual.limit {
            pairs.push(("limit", self.limit.to_string()));
        }
        query::query(&pairs)
    }
}

/// The calls in flight.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct CallRows {
    /// How many there are.
    pub(crate) in_flight: usize,
    /// How many of them are in which phase.
    pub(crate) by_phase: BTreeMap<&'static str, usize>,
    /// How many were asked for, shown or not.
    pub(crate) matching: usize,
    /// Those that are shown.
    pub(crate) calls: Vec<CallRow>,
}

/// One call in flight.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct CallRow {
    /// What a cancellation names.
    pub(crate) id: String,
    /// The path, as the caller sent it.
    pub(crate) method: String,
    /// What it does now.
    pub(crate) phase: &'static str,
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub(crate) age: Duration,
    /// Until its deadline, if it has one.
    #[serde(rename = "left_seconds", serialize_with = "seconds")]
    pub(crate) left: Option<Duration>,
    /// The other end of its connection.
    pub(crate) peer: String,
    /// Whom the peer has proved to be.
    pub(crate) identity: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) received_messages: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_messages: u64,
    pub(crate) sent_bytes: u64,
    /// Bytes of the answer that the client has not taken.
    pub(crate) unsent_bytes: u64,
    /// How long it has been in each phase, but for those in which it was not.
    pub(crate) phase_seconds: BTreeMap<&'static str, f64>,
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    /// What the setting `log.metadata` lists of the request's.
    pub(crate) metadata: Vec<(String, String)>,
}

/// What was asked to end.
#[derive(Debug, Clone)]
pub(crate) struct Cancelled {
    pub(crate) method: String,
    pub(crate) peer: String,
    pub(crate) request_id: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn parse(text: &str) -> Result<CallQuery, String> {
        CallQuery::read(&Fields::read(text, CallQuery::NAMES)?)
    }

    #[test]
    fn a_query_is_read_as_it_is_written() {
        let text = "sort=unsent&method=%2Fa%2EB%2FC&peer=%3C%26%3E&phase=stalled&limit=7";
        let query = CallQuery {
            sort: CallOrder::Unsent,
            method: Some("/a.B/C".to_owned()),
            peer: Some("<&>".to_owned()),
            phase: Some(Phase::Stalled),
            limit: 7,
        };
        assert_eq!(parse(text), Ok(query.clone()));
        assert_eq!(query.to_query(), text);
        assert_eq!(parse("phase=&method=&limit="), Ok(CallQuery::default()));
        assert_eq!(CallQuery::default().to_query(), "");
    }

    #[test]
    fn what_is_mistyped_is_told() {
        for (text, told) in [
            ("sorted=age", "there is no parameter \"sorted\"; expected \"sort\", \"method\", "),
            ("sort=old", "sort=old: expected one of age, left, "),
            ("phase=waiting", "phase=waiting: expected one of body, queue, "),
            ("limit=0", "limit=0: expected a whole number from 1 to 10000"),
            ("limit=10001", "limit=10001: "),
            ("limit=-1", "limit=-1: "),
            ("sort=age&sort=left", "there is more than one \"sort\""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
