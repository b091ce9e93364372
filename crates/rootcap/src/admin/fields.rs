//! Queries, and bodies of the same form: `quota=50/s&burst=100`. What is mistyped must not go unseen.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rootcap_layers::excerpt::Excerpt;

/// Names and values, decoded.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    /// Reads fields that are all `known`, and there once at most.
    ///
    /// # Errors
    /// What is wrong, and what is accepted.
    pub(super) fn read(text: &'a str, known: &[&str]) -> Result<Self, String> {
        let mut fields = Self(Vec::new());
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&&*name) {
                let name = Excerpt(&name);
                return Err(format!(
                    "there is no parameter \"{name}\"; expected {}",
                    one_of(known)
                ));
            }
            if fields.get(&name).is_some() {
                return Err(format!("there is more than one \"{name}\""));
            }
            fields.0.push((name, value));
        }
        Ok(fields)
    }

    /// The value of a field, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// As forms of browsers and `curl --data-urlencode` encode it.
fn decoded(text: &str) -> Result<Cow<'_, str>, String> {
    if !text.contains(['%', '+']) {
        return Ok(text.into());
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned().into()),
        Err(_) => Err(format!("\"{}\" is not UTF-8", Excerpt(text))),
    }
}

/// `"a", "b" or "c"`.
fn one_of(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    match &names[..] {
        [rest @ .., before, last] => {
            let rest: String = rest.iter().map(|name| format!("{name}, ")).collect();
            format!("{rest}{before} or {last}")
        }
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    const KNOWN: &[&str] = &["quota", "burst", "mode"];

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::read("quota=50%2fs&&mode=a+b%20c", KNOWN).unwrap();
        assert_eq!((fields.get("quota"), fields.get("mode")), (Some("50/s"), Some("a b c")));
        assert_eq!(fields.get("burst"), None);
        assert_eq!(Fields::read("burst&quota==", KNOWN).unwrap().get("quota"), Some("="));
    }

    #[test]
    fn what_is_unknown_or_there_twice_is_an_error_that_says_so() {
        for (text, says) in [
            (
                "quotas=1",
                "there is no parameter \"quotas\"; expected \"quota\", \"burst\" or \"mode\"",
            ),
            ("burst=1&burst=1", "there is more than one \"burst\""),
            ("b%75rst=1&burst=1", "there is more than one \"burst\""),
            ("quota=%ff", "\"%ff\" is not UTF-8"),
            ("{\"quota\":\"5/s\"}", "there is no parameter \"{\"quota\":\"5/s\"}\"; expected"),
        ] {
            let problem = Fields::read(text, KNOWN).unwrap_err();
            assert!(problem.starts_with(says), "{problem}");
        }
        assert!(Fields::read("a", &["for"]).unwrap_err().ends_with("expected \"for\""));
    }

    proptest! {
        #[test]
        fn whatever_is_wrong_the_answer_is_short_and_visible(text in any::<String>()) {
            if let Err(problem) = Fields::read(&text, KNOWN) {
                prop_assert!(problem.len() < 4_000);
                prop_assert!(problem.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
            }
        }
    }
}
