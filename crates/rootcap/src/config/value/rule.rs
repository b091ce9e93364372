//! Rules that the table of settings adds to what a type accepts: ranges, and what only one setting asks for.

use std::collections::BTreeMap;
use std::ops::{RangeFrom, RangeFull, RangeInclusive};

use super::{Listener, Problem, Problems, Ranged, Secret, Step, Value, bare};
use crate::telemetry::logs;

/// A rule that a setting's value must keep.
pub(in crate::config) trait Rule<T> {
    /// What is accepted, given what the type accepts.
    fn accepts(&self, by_type: String) -> String;

    /// Tests a value, whether it was parsed or set by code.
    fn check(&self, value: &T) -> Result<(), Problems>;
}

/// No rule.
impl<T: Value> Rule<T> for RangeFull {
    fn accepts(&self, by_type: String) -> String {
        by_type
    }

    fn check(&self, _: &T) -> Result<(), Problems> {
        Ok(())
    }
}

impl<T: Ranged> Rule<T> for RangeInclusive<T::Unit> {
    fn accepts(&self, by_type: String) -> String {
        format!("{by_type}, from {} to {}", bare(self.start()), bare(self.end()))
    }

    fn check(&self, value: &T) -> Result<(), Problems> {
        value.check_units(&|unit| self.contains(unit))
    }
}

impl<T: Ranged> Rule<T> for RangeFrom<T::Unit> {
    fn accepts(&self, by_type: String) -> String {
        format!("{by_type}, at least {}", bare(&self.start))
    }

    fn check(&self, value: &T) -> Result<(), Problems> {
        value.check_units(&|unit| self.contains(unit))
    }
}

/// A list of at least one element.
pub(in crate::config) struct NotEmpty;

impl<T> Rule<Vec<T>> for NotEmpty {
    fn accepts(&self, by_type: String) -> String {
        format!("{by_type}, at least one")
    }

    fn check(&self, value: &Vec<T>) -> Result<(), Problems> {
        if value.is_empty() { Err(Problems::because("the list is empty")) } else { Ok(()) }
    }
}

/// A list of at most so many.
pub(in crate::config) struct AtMost(pub(in crate::config) usize);

impl<T> Rule<Vec<T>> for AtMost {
    fn accepts(&self, by_type: String) -> String {
        format!("{by_type}; at most {} of them", self.0)
    }

    fn check(&self, value: &Vec<T>) -> Result<(), Problems> {
        if value.len() <= self.0 {
            return Ok(());
        }
        Err(Problems::because(format!("there are {}", value.len())))
    }
}

/// The name of a rule: it stands in labels, messages and the paths of pages.
pub(in crate::config) struct RuleName;

impl Rule<String> for RuleName {
    fn accepts(&self, _: String) -> String {
        "a name of a-z, A-Z, 0-9, `_` and `-`, of at most 64 characters".to_owned()
    }

    fn check(&self, value: &String) -> Result<(), Problems> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let valid = !value.is_empty() && value.len() <= 64 && value.bytes().all(is_plain);
        if valid { Ok(()) } else { Err(Problems::plain()) }
    }
}

/// An address of the internet, and no Unix socket; or "off".
pub(in crate::config) struct Internet;

impl Rule<Option<Listener>> for Internet {
    fn accepts(&self, _: String) -> String {
        r#""off", an address such as "127.0.0.1:8080" or "[::1]:8080", or ":8080" for all interfaces"#
            .to_owned()
    }

    fn check(&self, value: &Option<Listener>) -> Result<(), Problems> {
        match value {
            Some(Listener::Unix(_)) => {
                Err(Problems::because("a Unix socket is not supported here"))
            }
            _ => Ok(()),
        }
    }
}

/// Directives of a filter of events.
pub(in crate::config) struct Directives;

impl Rule<String> for Directives {
    fn accepts(&self, _: String) -> String {
        logs::ACCEPTED_FILTER.to_owned()
    }

    fn check(&self, value: &String) -> Result<(), Problems> {
        logs::check_filter(value).map_err(|error| Problems::because(error.to_string()))
    }
}

/// A list of at most so many positive numbers, each greater than the one before.
pub(in crate::config) struct Ascending {
    pub(in crate::config) at_most: usize,
}

impl Rule<Vec<f64>> for Ascending {
    fn accepts(&self, by_type: String) -> String {
        format!("{by_type}, positive and ascending, from 1 to {} of them", self.at_most)
    }

    fn check(&self, value: &Vec<f64>) -> Result<(), Problems> {
        if value.is_empty() || value.len() > self.at_most {
            return Err(Problems::because(format!("there are {} numbers", value.len())));
        }
        let mut floor = 0.0;
        for (index, number) in value.iter().enumerate() {
            if !number.is_finite() || *number <= floor {
                let detail = format!("{number} does not follow {floor}");
                return Err(Problems::because(detail).under(&Step::Index(index)));
            }
            floor = *number;
        }
        Ok(())
    }
}

/// A list of names of metadata, as HTTP/2 has them: no upper case, no pseudo-headers.
pub(in crate::config) struct MetadataKeys;

impl Rule<Vec<String>> for MetadataKeys {
    fn accepts(&self, by_type: String) -> String {
        format!("{by_type}, each of a-z, 0-9, `_`, `-` and `.`")
    }

    fn check(&self, value: &Vec<String>) -> Result<(), Problems> {
        let wrong = value.iter().enumerate().filter(|(_, key)| !is_metadata_key(key));
        all_hold(wrong.map(|(index, _)| Step::Index(index)), "not a metadata key")
    }
}

fn is_metadata_key(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'))
}

/// Metadata to send: names as HTTP/2 has them and not of the protocol's own, values of visible characters.
pub(in crate::config) struct Headers;

impl Rule<BTreeMap<String, Secret<String>>> for Headers {
    fn accepts(&self, by_type: String) -> String {
        format!(
            "{by_type}; each name is one of metadata, of a-z, 0-9, `_`, `-` and `.`, and none of gRPC's own (`te`, `content-type`, `grpc-...`); no value has control characters"
        )
    }

    fn check(&self, value: &BTreeMap<String, Secret<String>>) -> Result<(), Problems> {
        let valid = |(name, value): (&String, &Secret<String>)| {
            is_metadata_key(name)
                && !name.ends_with("-bin")
                && !is_of_the_protocol(name)
                && http::HeaderValue::from_str(value.expose()).is_ok()
        };
        if value.iter().all(valid) { Ok(()) } else { Err(Problems::plain()) }
    }
}

/// What gRPC sets itself, and tonic would drop without a word (`PROTOCOL-HTTP2.md` of gRPC, "Requests").
fn is_of_the_protocol(name: &str) -> bool {
    matches!(name, "te" | "content-type") || name.starts_with("grpc-")
}

/// Attributes of a resource: no empty names.
pub(in crate::config) struct Attributes;

impl Rule<BTreeMap<String, String>> for Attributes {
    fn accepts(&self, by_type: String) -> String {
        by_type
    }

    fn check(&self, value: &BTreeMap<String, String>) -> Result<(), Problems> {
        let empty = value.keys().filter(|key| key.trim().is_empty()).cloned();
        all_hold(empty.map(Step::Key), "the name is empty")
    }
}

/// A map whose keys have a shape, and whose values lie in a range.
pub(in crate::config) struct Keys<R> {
    /// What a key is, to end the sentence "the name is not ...".
    pub(in crate::config) are: &'static str,
    pub(in crate::config) valid: fn(&str) -> bool,
    pub(in crate::config) values: R,
}

impl<T, R> Rule<BTreeMap<String, T>> for Keys<R>
where
    R: Rule<BTreeMap<String, T>>,
{
    fn accepts(&self, by_type: String) -> String {
        format!("{}; each name is {}", self.values.accepts(by_type), self.are)
    }

    fn check(&self, value: &BTreeMap<String, T>) -> Result<(), Problems> {
        let wrong = value.keys().filter(|key| !(self.valid)(key)).cloned();
        let keys = all_hold(wrong.map(Step::Key), &format!("the name is not {}", self.are));
        Problems::gather([keys, self.values.check(value)])
    }
}

/// An error for each of the steps, which lead to what is wrong.
fn all_hold(wrong: impl Iterator<Item = Step>, detail: &str) -> Result<(), Problems> {
    let problems: Vec<_> = wrong
        .map(|step| Problem {
            path: vec![step],
            detail: Some(detail.to_owned()),
            ..Problem::default()
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}
