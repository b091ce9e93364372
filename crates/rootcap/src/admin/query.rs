//! What the values of a query may be, and queries made of them.

use std::fmt::Display;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rootcap_layers::excerpt::Excerpt;

/// A whole number of this range.
pub(super) fn number<N>(name: &str, value: &str, least: N, most: N) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = value.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| {
        format!("{name}={}: expected a whole number from {least} to {most}", Excerpt(value))
    })
}

/// One of the values that have names.
pub(super) fn choice<T: Copy>(
    name: &str,
    value: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
) -> Result<T, String> {
    let found = all.iter().copied().find(|choice| as_str(*choice) == value);
    let names = || all.iter().map(|choice| as_str(*choice)).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("{name}={}: expected one of {}", Excerpt(value), names()))
}

/// The query of these pairs.
pub(super) fn query(pairs: &[(&str, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::admin::fields::Fields;
    use proptest::prelude::*;

    #[test]
    fn mistakes_are_told_with_what_is_accepted() {
        let told = "limit=0: expected a whole number from 1 to 9";
        assert_eq!(number("limit", "0", 1, 9).unwrap_err(), told);
        assert!(number("limit", "1e3", 1, 9).is_err() && number("limit", "", 1, 9).is_err());
        assert_eq!(number("limit", "9", 1, 9), Ok(9));
        let sort = choice("sort", "x\x1b", &["a", "b"], |name| name);
        assert_eq!(sort.unwrap_err(), "sort=x\\u{1b}: expected one of a, b");
    }

    proptest! {
        #[test]
        fn a_query_says_what_it_was_made_of(value in any::<String>()) {
            let query = query(&[("name", value.clone())]);
            let fields = Fields::read(&query, &["name"]).unwrap();
            prop_assert_eq!(fields.get("name"), Some(value.as_str()));
        }
    }
}
