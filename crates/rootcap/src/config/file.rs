//! Reads the settings of a TOML file, with the line of each.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::input::{File, Found, Input, Known, Raw};
use super::schema::join;

/// Finds the settings in a file; a key that is not known is an error.
pub(super) fn read<'f>(file: File<'f>, known: &Known, found: &mut Found<'f>) {
    let (table, errors) = DeTable::parse_recoverable(file.text);
    if errors.is_empty() {
        return Walk { file, known, found }.table("", table.get_ref());
    }
    // What was recovered from a file that is no TOML is not what was meant: no more is said about it.
    for error in errors {
        let end = file.text.len()..file.text.len();
        let source = file.source(&error.span().unwrap_or(end));
        let problem = format!("not TOML: {}", error.message());
        found.errors.push(ConfigError::of_source(source, problem));
    }
}

/// A walk through the tables of a file.
struct Walk<'w, 'f> {
    file: File<'f>,
    known: &'w Known,
    found: &'w mut Found<'f>,
}

impl<'f> Walk<'_, 'f> {
    fn table(&mut self, path: &str, table: &DeTable<'f>) {
        for (name, value) in table {
            let key = join(path, name.get_ref());
            let source = self.file.source(&name.span());
            if self.known.settings.contains(&key) {
                let raw = Raw::Toml { value: value.clone(), file: self.file };
                self.found.inputs.push(Input { key, source, raw, foreign: false });
            } else if self.known.is_section(&key) {
                self.section(&key, value);
            } else {
                let problem = self.known.unknown(&key);
                self.found.errors.push(ConfigError::of_key(&key, source, problem));
            }
        }
    }

    fn section(&mut self, key: &str, value: &Spanned<DeValue<'f>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(key, table),
            _ => {
                let source = self.file.source(&value.span());
                let problem = format!("expected a section: [{key}]");
                self.found.errors.push(ConfigError::of_key(key, source, problem));
            }
        }
    }
}
