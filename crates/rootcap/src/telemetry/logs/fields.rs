//! The fields of events and spans.

use std::{
    error::Error,
    fmt::{self, Write},
};

use rootcap_layers::{
    access_log::{Key, Line},
    excerpt::cut,
};
use tracing::field::{Field, Visit};

/// The longest string that is kept of a field, in bytes.
const MAX_VALUE: usize = 16 * 1024;

/// Fields by name, each once, with what was recorded last.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Boolean(bool),
    Integer(i128),
    Large(u128),
    Float(f64),
    Text(String),
}

impl Fields {
    /// Removes the field `name` and returns it, as text.
    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(match self.0.remove(at).1 {
            Value::Text(text) => text,
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Large(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // Where a record of the `log` crate comes from: its normalized metadata say the same.
        if matches!(name, "log.target" | "log.module_path" | "log.file" | "log.line") {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Value {
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(self, Value::Text(value) if value == text)
    }

    pub(super) fn push(&self, line: &mut Line<'_>, key: Key<'_>) {
        match self {
            Value::Boolean(value) => line.boolean(key, *value),
            Value::Integer(value) => line.integer(key, *value),
            Value::Large(value) => line.integer(key, *value),
            Value::Float(value) => line.float(key, *value),
            Value::Text(value) => line.string(key, value),
        }
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Boolean(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Integer(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, Value::Integer(value.into()));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.set(field, Value::Integer(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field, Value::Large(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(bounded(format_args!("{value}"))));
    }

    /// With its sources: `outer: inner: innermost`.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.set(field, Value::Text(bounded(format_args!("{}", Chain(value)))));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(bounded(format_args!("{value:?}"))));
    }
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Formats until [`MAX_VALUE`] is reached; what comes after is not even formatted.
fn bounded(value: fmt::Arguments<'_>) -> String {
    let mut bounded = Bounded(String::new());
    // The error is that of the full string, or of a `Debug` that gave up: what is there is kept.
    let _ = bounded.write_fmt(value);
    bounded.0
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = cut(text, MAX_VALUE - self.0.len());
        self.0.push_str(fits);
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = format!("{}\u{20ac}", "a".repeat(MAX_VALUE - 1));
        assert_eq!(bounded(format_args!("{long}{long}")), "a".repeat(MAX_VALUE - 1));
        assert_eq!(bounded(format_args!("{}", 17)), "17");
    }
}
