//! Where the value of a setting came from.

use std::collections::BTreeMap;
use std::fmt;

/// Where the value of a setting came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// Nothing sets it.
    #[default]
    Default,
    /// A line of the file; the first line is 1.
    File {
        /// The file as it was named.
        name: String,
        /// The line.
        line: usize,
    },
    /// The variable of the environment that has this name.
    Variable(String),
    /// Code, by way of the server's builder.
    Builder,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Builder => f.write_str("builder"),
        }
    }
}

impl Source {
    /// Whether this is a variable of OpenTelemetry's, which may be set for many programs at once.
    pub(super) fn is_standard(&self) -> bool {
        matches!(self, Self::Variable(name) if name.starts_with("OTEL_"))
    }
}

/// The source of every setting that is not at its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, Source>);

impl Sources {
    /// Where the value of the setting `key` (`"limits.rate"`) came from.
    ///
    /// A value within a list of tables is `"rate_limit[0].quota"`; where that was not set by itself, the whole was.
    pub fn of(&self, key: &str) -> &Source {
        let whole = || self.0.get(key.split('[').next().unwrap_or_default());
        self.0.get(key).or_else(whole).unwrap_or(&Source::Default)
    }

    /// Sets the source of a setting, whose parts have none of their own any more.
    pub(super) fn set(&mut self, key: &str, source: Source) {
        self.0.retain(|old, _| !old.strip_prefix(key).is_some_and(|rest| rest.starts_with('[')));
        self.0.insert(key.to_owned(), source);
    }
}

/// The key of a value within a list of tables.
pub(crate) fn place(list: &str, index: usize, field: &str) -> String {
    format!("{list}[{index}].{field}")
}
