//! Reads the settings of the environment: `ROOTCAP_LIMITS__RATE` is `limits.rate`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::error::ConfigError;
use super::input::{Found, Input, Known, Raw};
use super::source::Source;
use super::suggest::nearest;

/// The variable that names the file.
pub(super) const FILE: &str = "ROOTCAP_CONFIG";

/// What the names of our variables begin with.
const PREFIX: &str = "ROOTCAP_";

/// The environment: values by name. A name that is not UTF-8 is none of ours, or an error that shows what it can.
pub(super) struct Variables(BTreeMap<String, OsString>);

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let named =
            |(name, value): (N, V)| (name.into().to_string_lossy().into_owned(), value.into());
        Self(variables.into_iter().map(named).collect())
    }
}

impl Variables {
    pub(super) fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }

    /// The variables whose names begin so, except those that Kubernetes sets, sorted by name.
    pub(super) fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&str, &OsString)> {
        let wanted = move |name: &str| name.starts_with(prefix) && !self.is_of_kubernetes(name);
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .filter(move |(name, _)| wanted(name))
    }

    /// Whether a variable is one that Kubernetes sets to tell of a Service: `X_SERVICE_HOST`, `X_SERVICE_PORT...`,
    /// `X_PORT...`. They are there for every Service of the namespace, also for one named rootcap, rootcap-greeter or
    /// otel-collector. None has two underscores in a row, as our nested keys have.
    fn is_of_kubernetes(&self, name: &str) -> bool {
        let service = |(end, _): (usize, &str)| {
            let (service, rest) = name.split_at(end);
            let told =
                rest == "_PORT" || rest.starts_with("_PORT_") || rest.starts_with("_SERVICE_");
            told && (service == "ROOTCAP"
                || self.0.contains_key(&format!("{service}_SERVICE_HOST")))
        };
        !name.contains("__") && name.match_indices('_').any(service)
    }
}

/// The variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// The setting of a variable, if there is one.
fn key(name: &str) -> Option<String> {
    let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
    (variable(&key) == name).then_some(key)
}

/// Finds the settings in the environment; a variable that looks like ours and is none is an error.
pub(super) fn read(variables: &Variables, known: &Known, found: &mut Found<'_>) {
    for (name, value) in variables.starting_with(PREFIX).filter(|(name, _)| *name != FILE) {
        let source = Source::Variable(name.to_owned());
        let key = key(name).filter(|key| known.settings.contains(key));
        match (key, value.to_str()) {
            (Some(key), Some(text)) => found.inputs.push(Input {
                key,
                source,
                raw: Raw::Text(text.to_owned()),
                foreign: false,
            }),
            (Some(key), None) => {
                found.errors.push(ConfigError::of_key(&key, source, "the value is not UTF-8"));
            }
            (None, _) => {
                let variables: BTreeSet<_> = known.settings.iter().map(|it| variable(it)).collect();
                let problem = unknown(name, variables.iter().map(String::as_str).chain([FILE]));
                found.errors.push(ConfigError::of_source(source, problem));
            }
        }
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(name, known).map_or_else(
        || "there is no such setting".to_owned(),
        |near| format!("there is no such setting; did you mean {near}?"),
    )
}
