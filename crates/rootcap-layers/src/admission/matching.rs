//! [`Match`]: which calls a rule is about.

use std::{fmt, str::FromStr};

use super::Malformed;
use crate::method::split;

/// Which calls a rule is about: all, those of a service, or those of a method.
///
/// ```
/// use rootcap_layers::admission::Match;
///
/// let greeter: Match = "/helloworld.Greeter/*".parse().unwrap();
/// assert!(greeter.matches("/helloworld.Greeter/SayHello"));
/// assert!(!greeter.matches("/helloworld.Greeters/SayHello"));
/// assert_eq!(greeter.to_string(), "/helloworld.Greeter/*");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Match(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    All,
    /// `package.Service`.
    Service(Box<str>),
    /// `/package.Service/Method`.
    Method(Box<str>),
}

/// How closely a rule describes the calls that it is about. The more specific is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Specificity {
    /// All calls.
    All,
    /// The calls of a service.
    Service,
    /// The calls of a method.
    Method,
}

const ACCEPTED: &str = "`*`, `/package.Service/*` or `/package.Service/Method`";

impl Match {
    /// All calls.
    pub const ALL: Self = Self(Kind::All);

    /// Whether a call of this path (`/package.Service/Method`) is one of them.
    pub fn matches(&self, path: &str) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Service(service) => split(path).is_some_and(|(of, _)| of == &**service),
            Kind::Method(method) => path == &**method,
        }
    }

    /// How closely it describes them.
    pub fn specificity(&self) -> Specificity {
        match &self.0 {
            Kind::All => Specificity::All,
            Kind::Service(_) => Specificity::Service,
            Kind::Method(_) => Specificity::Method,
        }
    }

    /// The service, `package.Service`, if it is about one, or about one of its methods.
    pub fn service(&self) -> Option<&str> {
        match &self.0 {
            Kind::All => None,
            Kind::Service(service) => Some(service),
            Kind::Method(method) => split(method).map(|(service, _)| service),
        }
    }

    /// The path, `/package.Service/Method`, if it is about one method.
    pub fn method(&self) -> Option<&str> {
        match &self.0 {
            Kind::Method(method) => Some(method),
            _ => None,
        }
    }
}

impl FromStr for Match {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text == "*" {
            return Ok(Self::ALL);
        }
        let malformed = |wrong| Malformed::new(text, wrong, ACCEPTED);
        let (service, method) = split(text).ok_or_else(|| malformed("is not of that form"))?;
        if service.is_empty() || service.contains('/') {
            return Err(malformed("names no service"));
        }
        if method.is_empty() {
            return Err(malformed("names no method"));
        }
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_graphic() && b != b'*');
        match (is_name(service), method) {
            (true, "*") => Ok(Self(Kind::Service(service.into()))),
            (true, method) if is_name(method) => Ok(Self(Kind::Method(text.into()))),
            _ => Err(malformed("is more of a pattern, or less of a name, than that")),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::All => f.write_str("*"),
            Kind::Service(service) => write!(f, "/{service}/*"),
            Kind::Method(method) => f.write_str(method),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_method_is_more_specific_than_a_service_and_that_than_all() {
        let specificity = |text: &str| text.parse::<Match>().unwrap().specificity();
        assert!(specificity("/a.B/C") > specificity("/a.B/*"));
        assert!(specificity("/a.B/*") > specificity("*"));
    }

    #[test]
    fn what_is_matched() {
        let table = [
            ("*", "/a.B/C", true),
            ("*", "nonsense", true),
            ("/a.B/*", "/a.B/C", true),
            ("/a.B/*", "/a.B/", true),
            ("/a.B/*", "/a.B.C/D", false),
            ("/a.B/*", "/x/a.B/C", false),
            ("/a.B/*", "a.B/C", false),
            ("/a.B/C", "/a.B/C", true),
            ("/a.B/C", "/a.B/Cc", false),
        ];
        for (pattern, path, expected) in table {
            let pattern: Match = pattern.parse().unwrap();
            assert_eq!(pattern.matches(path), expected, "{pattern} {path}");
            assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
    }

    #[test]
    fn what_names_no_calls_is_an_error_that_says_what_does() {
        for text in
            ["", "a.B/C", "/a.B", "//C", "/a.B/", "/a.*/C", "/*/C", "/a.B/C*", "/a/b/C", "/a b/C"]
        {
            let error = text.parse::<Match>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` ")), "{error}");
            assert!(
                error.ends_with("accepted: `*`, `/package.Service/*` or `/package.Service/Method`")
            );
        }
    }
}
