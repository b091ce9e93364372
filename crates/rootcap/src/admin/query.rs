//! The parameters of a page: each known, once, and of the form that is asked for.

use std::ops::RangeInclusive;

use http::request::Parts;

/// The parameters of a request, by their names; `format`, which all pages have, among them.
#[derive(Debug)]
pub(super) struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    /// Reads those of `names`.
    ///
    /// # Errors
    /// With a sentence, when there is another one, or one of them twice.
    pub(super) fn of(parts: &'a Parts, names: &[&str]) -> Result<Self, String> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        let query = parts.uri.query().unwrap_or_default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !names.contains(&name) {
                let known: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
                return Err(format!(
                    "there is no parameter {name:?}; expected {}",
                    known.join(" or ")
                ));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(format!("the query has more than one {name:?}"));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    /// What is given under a name.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    /// A whole number within a range; `usual` where none is given.
    ///
    /// # Errors
    /// With a sentence, when it is something else.
    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
        usual: u32,
    ) -> Result<u32, String> {
        let Some(text) = self.text(name) else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            format!("{name}={text}: expected a whole number from {least} to {most}")
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use http::Request;

    fn number(query: &str) -> Result<u32, String> {
        let uri = format!("/x?{query}");
        let (parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        Query::of(&parts, &["n", "format"])?.number("n", 1..=300, 10)
    }

    #[test]
    fn a_number_is_within_its_range_or_an_error_that_says_which() {
        assert_eq!(
            (number(""), number("n=1"), number("format=x&n=300&")),
            (Ok(10), Ok(1), Ok(300))
        );
        for bad in ["n=0", "n=301", "n=99999999999999", "n=-1", "n=", "n", "n=1.5"] {
            let problem = number(bad).unwrap_err();
            assert!(problem.ends_with(": expected a whole number from 1 to 300"), "{problem}");
        }
    }

    #[test]
    fn what_is_unknown_or_doubled_is_an_error() {
        assert_eq!(
            number("m=1").unwrap_err(),
            "there is no parameter \"m\"; expected \"n\" or \"format\""
        );
        assert_eq!(number("n=1&n=2").unwrap_err(), "the query has more than one \"n\"");
    }
}
