//! What is wrong with the settings, all of it at once.

use std::fmt;

use super::source::Source;

/// All that is wrong with the settings; never empty.
///
/// `Display` writes one line for each error, in the order of file and line, then of variables.
///
/// ```
/// use rootcap::config::Config;
///
/// let variables = [("ROOTCAP_LIMITS__RAET", "5/s"), ("ROOTCAP_DRAIN__DEADLINE", "soon")];
/// let errors = Config::load_from(None, variables).unwrap_err();
/// let keys: Vec<_> = errors.iter().filter_map(|error| error.key()).collect();
/// assert_eq!(keys, ["drain.deadline"]);
/// assert!(errors.to_string().contains("did you mean ROOTCAP_LIMITS__RATE?"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// The errors; `Ok` if there are none.
    pub(super) fn check(mut errors: Vec<ConfigError>) -> Result<(), Self> {
        // A stable sort: what one source says stays in the order in which it was found.
        errors.sort_by(|a, b| a.source.cmp(&b.source));
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The errors, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// The same as `Display`: `main` prints an error with `Debug`.
impl fmt::Debug for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigErrors {}

/// One thing that is wrong with the settings.
///
/// `Display` writes one line: the key, the value (masked if it is secret), its source, and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: Option<String>,
    value: Option<String>,
    source: Source,
    problem: String,
}

impl ConfigError {
    /// Something is wrong with a source that is not the value of one setting.
    pub(super) fn of_source(source: Source, problem: impl Into<String>) -> Self {
        Self { key: None, value: None, source, problem: problem.into() }
    }

    /// Something is wrong with a key, whatever its value.
    pub(super) fn of_key(key: &str, source: Source, problem: impl Into<String>) -> Self {
        Self { key: Some(key.to_owned()), ..Self::of_source(source, problem) }
    }

    /// Something is wrong with a value, given as it can be shown.
    pub(super) fn of_value(key: &str, value: String, source: Source, problem: String) -> Self {
        Self { value: Some(value), ..Self::of_key(key, source, problem) }
    }

    /// The setting, as `"limits.rate"`; the name of a variable where no setting is named so; nothing where the source
    /// as a whole is wrong.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Where the key or the value came from.
    pub fn set_by(&self) -> &Source {
        &self.source
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => write!(f, "{} = {value} ", printable(key))?,
            (Some(key), None) => write!(f, "{} ", printable(key))?,
            (None, _) => return write!(f, "{}: {}", self.source, printable(&self.problem)),
        }
        write!(f, "({}): {}", self.source, printable(&self.problem))
    }
}

impl std::error::Error for ConfigError {}

/// The most of a value that is shown, in characters.
const SHOWN: usize = 100;

/// A value from the environment as it is shown: quoted, escaped and cut.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", cut(text))
}

/// A piece of a file as it is shown: on one line, and cut.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    printable(&cut(&words.join(" ")))
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown += "...";
    }
    shown
}

/// Escapes control characters, which could forge a line of a log or drive a terminal.
fn printable(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() { c.escape_default().collect() } else { c.to_string() }
    };
    text.chars().map(escape).collect()
}
