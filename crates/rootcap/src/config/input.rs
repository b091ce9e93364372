//! What the file and the environment say about one setting, before it is parsed.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::error::{ConfigError, one_line, quoted};
use super::schema::Section;
use super::setting::Leaf;
use super::source::{Source, place};
use super::suggest::nearest;
use super::value::{Problem, Problems, Step};

/// The keys that there are.
pub(super) struct Known {
    pub(super) settings: BTreeSet<String>,
}

impl Known {
    pub(super) fn of<S: Section>() -> Self {
        let mut settings = BTreeSet::new();
        S::default().visit("", &mut |leaf| {
            settings.insert(leaf.key);
        });
        Self { settings }
    }

    /// Whether there are settings within `key`.
    pub(super) fn is_section(&self, key: &str) -> bool {
        let within = [key, "."].concat();
        let first = self.settings.range(within.clone()..).next();
        first.is_some_and(|first| first.starts_with(&within))
    }

    /// What to say of a key that is not known.
    pub(super) fn unknown(&self, key: &str) -> String {
        let settings = self.settings.iter().map(String::as_str);
        let sections: BTreeSet<_> = settings
            .clone()
            .flat_map(|key| key.match_indices('.').map(move |(dot, _)| &key[..dot]))
            .collect();
        nearest(key, settings.chain(sections.iter().copied())).map_or_else(
            || "there is no such setting".to_owned(),
            |near| format!("there is no such setting; did you mean {near}?"),
        )
    }
}

/// All that the sources say, the source that counts least first.
#[derive(Default)]
pub(super) struct Found<'f> {
    pub(super) inputs: Vec<Input<'f>>,
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<String>,
}

/// What one source says about one setting.
pub(super) struct Input<'f> {
    pub(super) key: String,
    pub(super) source: Source,
    pub(super) raw: Raw<'f>,
    /// Whether a bad value is a warning only: the variable is not one of ours.
    pub(super) foreign: bool,
}

/// A value as a source writes it.
pub(super) enum Raw<'f> {
    Text(String),
    Toml { value: Spanned<DeValue<'f>>, file: File<'f> },
}

impl Input<'_> {
    /// Sets the setting, or says what is wrong.
    pub(super) fn apply(&self, leaf: &mut Leaf<'_>) -> Result<(), Vec<ConfigError>> {
        let set = match &self.raw {
            Raw::Text(text) => leaf.setting.set_text(text),
            Raw::Toml { value, .. } => {
                // The one value that does not deserialize is an integer beyond what TOML promises to hold.
                toml::Value::deserialize(ValueDeserializer::from(value.clone()))
                    .map_err(|_| Problems::plain())
                    .and_then(|value| leaf.setting.set_toml(&value))
            }
        };
        set.map_err(|problems| problems.0.iter().map(|p| self.error(leaf, p)).collect())
    }

    /// Where the values of a list of tables stand, if it is one.
    pub(super) fn places(&self) -> Vec<(String, Source)> {
        let Raw::Toml { value, file } = &self.raw else { return Vec::new() };
        let DeValue::Array(tables) = value.get_ref() else { return Vec::new() };
        let tables = tables
            .iter()
            .enumerate()
            .filter_map(|(i, table)| Some((i, table.get_ref().as_table()?)));
        let fields = tables.flat_map(|(index, table)| table.keys().map(move |name| (index, name)));
        fields
            .map(|(index, name)| {
                (place(&self.key, index, name.get_ref()), file.source(&name.span()))
            })
            .collect()
    }

    fn error(&self, leaf: &Leaf<'_>, problem: &Problem) -> ConfigError {
        let secret = leaf.setting.is_secret();
        let (shown, source) = match &self.raw {
            Raw::Text(text) => (quoted(&leaf.setting.mask(text)), self.source.clone()),
            Raw::Toml { value, file } => {
                let span = locate(value, &problem.path);
                (one_line(&leaf.setting.mask(&file.text[span.clone()])), file.source(&span))
            }
        };
        let shown = if secret { "***".to_owned() } else { shown };
        let accepts = leaf.setting.accepts();
        // Where the value is secret, what precedes the `=` of a text may be a part of it.
        let sentence =
            if secret { Problem::default().sentence(&accepts) } else { problem.sentence(&accepts) };
        ConfigError::of_value(&leaf.key, shown, source, sentence)
    }
}

/// Where the value at the end of the path stands in the file; as far down as the path leads.
fn locate(value: &Spanned<DeValue<'_>>, path: &[Step]) -> Range<usize> {
    let mut place = value;
    for step in path {
        let inner = match step {
            Step::Index(index) => place.get_ref().get(*index),
            Step::Key(key) => place.get_ref().get(key.as_str()),
        };
        let Some(inner) = inner else { break };
        place = inner;
    }
    place.span()
}

/// A file of settings.
#[derive(Clone, Copy)]
pub(super) struct File<'f> {
    pub(super) name: &'f str,
    pub(super) text: &'f str,
}

impl File<'_> {
    /// The line on which a piece of the file begins.
    pub(super) fn source(&self, span: &Range<usize>) -> Source {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Source::File { name: self.name.to_owned(), line }
    }
}
