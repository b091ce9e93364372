//! What a query, or a form, says: pairs of names and values, in which nothing goes unseen.

use std::fmt::Display;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The pairs of a query or of a form, in their order, without `format`, which every page has.
///
/// # Errors
/// When a name comes twice, or something is no UTF-8.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(format!("there is more than one {name:?}"));
        }
        pairs.push((name, value));
    }
    pairs.retain(|(name, _)| name != "format");
    Ok(pairs)
}

fn decoded(text: &str) -> Result<String, String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(String::from).map_err(|_| format!("{text:?} is not UTF-8"))
}

/// What to say of a name that is none of those `accepted`.
pub(super) fn unknown(name: &str, accepted: &[&str]) -> String {
    format!("there is no parameter {name:?}; expected {} or \"format\"", list(accepted))
}

/// A whole number of this range.
pub(super) fn number<N>(name: &str, value: &str, least: N, most: N) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = value.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| format!("{name}={value}: expected a whole number from {least} to {most}"))
}

/// One of the values that have names.
pub(super) fn choice<T: Copy>(
    name: &str,
    value: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|choice| as_str(*choice) == value);
    let names: Vec<_> = all.iter().map(|choice| as_str(*choice)).collect();
    found.ok_or_else(|| format!("{name}={value}: expected one of {}", list(&names)))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// The query of these pairs: what [`pairs`] reads.
pub(super) fn query(pairs: &[(&str, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_form_sends_is_decoded() {
        let read = pairs("method=%2Fa.B%2FC+D&&format=json&empty=&bare").unwrap();
        let read: Vec<_> =
            read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("method", "/a.B/C D"), ("empty", ""), ("bare", "")]);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(pairs("a=1&b=2&a=3").unwrap_err(), "there is more than one \"a\"");
        assert_eq!(
            pairs("format=html&format=text").unwrap_err(),
            "there is more than one \"format\""
        );
        assert_eq!(pairs("a=%ff").unwrap_err(), "\"%ff\" is not UTF-8");
        let told = "limit=0: expected a whole number from 1 to 9";
        assert_eq!(number("limit", "0", 1, 9).unwrap_err(), told);
        assert!(number("limit", "1e3", 1, 9).is_err() && number("limit", "", 1, 9).is_err());
        assert_eq!(number("limit", "9", 1, 9), Ok(9));
        let sort = choice("sort", "x", &["a", "b"], |name| name);
        assert_eq!(sort.unwrap_err(), "sort=x: expected one of \"a\", \"b\"");
    }

    proptest! {
        #[test]
        fn a_query_says_what_it_was_made_of(value in any::<String>()) {
            let read = pairs(&query(&[("name", value.clone())])).unwrap();
            prop_assert_eq!(read, [("name".to_owned(), value)]);
        }
    }
}
