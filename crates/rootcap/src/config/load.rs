//! Loads the settings: defaults, then the file, then the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::environment::{self, Variables};
use super::error::{ConfigError, ConfigErrors, quoted};
use super::input::{File, Found, Input, Known, Raw};
use super::loaded::Loaded;
use super::schema::Section;
use super::settings::Config;
use super::source::{Source, Sources};
use super::{file, standard};

impl Config {
    /// Loads the settings: the defaults, then the TOML file that the variable `ROOTCAP_CONFIG` names, if it is set,
    /// then the environment, where `ROOTCAP_LIMITS__RATE` stands for `limits.rate`.
    ///
    /// `RUST_LOG` and those of the `OTEL_*` variables that have a counterpart here count less than the variables of
    /// ours and more than the file; other `OTEL_*` variables are warnings. Blocks while it reads the file.
    ///
    /// # Errors
    ///
    /// All that is wrong: a file that cannot be read, a key that is not known, a value that is not accepted.
    pub fn load() -> Result<Loaded, ConfigErrors> {
        load_with(std::env::vars_os(), |path| std::fs::read_to_string(path))
    }

    /// Does what [`load`](Self::load) does with a file, as its name and its text, and an environment that are given.
    /// `ROOTCAP_CONFIG` is not looked at.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_from<N: Into<OsString>, V: Into<OsString>>(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Loaded, ConfigErrors> {
        let file = file.map(|(name, text)| File { name, text });
        finish(read(file, &variables.into_iter().collect()))
    }
}

/// Settings of any kind, as read from file and environment.
pub(super) struct Read<S> {
    pub(super) section: S,
    pub(super) sources: Sources,
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<String>,
}

/// Loads with a function that reads files.
pub(super) fn load_with<N: Into<OsString>, V: Into<OsString>>(
    variables: impl IntoIterator<Item = (N, V)>,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Result<Loaded, ConfigErrors> {
    let variables: Variables = variables.into_iter().collect();
    let Some(path) = variables.get(environment::FILE) else {
        return finish(read(None, &variables));
    };
    let name = path.to_string_lossy();
    match read_file(Path::new(path)) {
        Ok(text) => finish(read(Some(File { name: &name, text: &text }), &variables)),
        Err(error) => {
            let mut read = read(None, &variables);
            let source = Source::Variable(environment::FILE.to_owned());
            let problem =
                format!("cannot read {}: {error}; expected the path of a TOML file", quoted(&name));
            read.errors.push(ConfigError::of_source(source, problem));
            finish(read)
        }
    }
}

/// Reads settings, and all that is wrong with them.
pub(super) fn read<S: Section>(file: Option<File<'_>>, variables: &Variables) -> Read<S> {
    let known = Known::of::<S>();
    let mut found = Found::default();
    found.inputs.extend(kubernetes(variables));
    if let Some(file) = file {
        file::read(file, &known, &mut found);
    }
    standard::read(variables, &mut found);
    environment::read(variables, &known, &mut found);
    apply(found)
}

/// What Kubernetes, which every pod can tell from a variable, changes about the defaults.
fn kubernetes(variables: &Variables) -> Option<Input<'static>> {
    const SIGN: &str = "KUBERNETES_SERVICE_HOST";
    variables.get(SIGN).map(|_| Input {
        key: "drain.lame_duck".to_owned(),
        source: Source::Variable(SIGN.to_owned()),
        raw: Raw::Text("5s".to_owned()),
        foreign: true,
    })
}

/// Sets what was found. A later input for a setting wins, but an earlier one must be right as well.
fn apply<S: Section>(found: Found<'_>) -> Read<S> {
    let Found { inputs, errors, warnings } = found;
    let mut read = Read { section: S::default(), sources: Sources::default(), errors, warnings };
    let mut by_key: BTreeMap<String, Vec<Input<'_>>> = BTreeMap::new();
    for input in inputs {
        by_key.entry(input.key.clone()).or_default().push(input);
    }
    let Read { section, sources, errors, warnings } = &mut read;
    section.visit("", &mut |mut leaf| {
        for input in by_key.remove(&leaf.key).unwrap_or_default() {
            match input.apply(&mut leaf) {
                Ok(()) => {
                    sources.set(&leaf.key, input.source.clone());
                    input.places().into_iter().for_each(|(key, source)| sources.set(&key, source));
                }
                Err(wrong) if input.foreign => {
                    warnings.extend(wrong.iter().map(|error| format!("ignored: {error}")));
                }
                Err(wrong) => errors.extend(wrong),
            }
        }
    });
    read
}

fn finish(read: Read<Config>) -> Result<Loaded, ConfigErrors> {
    ConfigErrors::check(read.errors)?;
    let loaded = Loaded { config: read.section, sources: read.sources, warnings: read.warnings };
    loaded.check()?;
    Ok(loaded)
}
