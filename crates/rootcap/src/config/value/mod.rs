//! What a single setting can hold: one trait, one file per kind of value.
//!
//! Text (a variable of the environment, a TOML string) and TOML values are parsed by the same code, and a value is
//! rendered in the form that it is parsed from.

use std::borrow::Cow;

mod choice;
mod collection;
mod duration;
mod endpoint;
mod layers;
mod listener;
mod number;
mod optional;
pub(crate) mod outside;
mod problem;
mod rate;
mod rule;
mod secret;
mod size;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use choice::{ClientAuth, LogCalls, LogFormat, Propagator, Switch};
pub use endpoint::Endpoint;
pub use listener::Listener;
pub use optional::Auto;
pub(super) use problem::{Problem, Problems, Step};
pub use rate::Rate;
pub(super) use rule::{
    Ascending, AtMost, Attributes, Directives, Headers, Internet, Keys, MetadataKeys, NotEmpty,
    Rule, RuleName,
};
pub use secret::Secret;
pub use size::Size;
pub(super) use table::Element;

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// Whether the value must never be shown.
    const SECRET: bool = false;

    /// What can be written, to end the sentence "expected ...".
    fn accepts() -> String;

    /// Hides what must not be shown in a text that was to be a value, right or wrong.
    fn mask(text: &str) -> Cow<'_, str> {
        if Self::SECRET { Cow::Borrowed("***") } else { Cow::Borrowed(text) }
    }

    /// What can be written for a list of them.
    fn accepts_many() -> String {
        format!("a list of these, separated by commas: {}", Self::accepts())
    }

    /// Parses what a variable of the environment or a TOML string holds.
    fn from_text(text: &str) -> Result<Self, Problems>;

    /// Parses a list of them from such a text.
    fn many_from_text(text: &str) -> Result<Vec<Self>, Problems> {
        collection::list_from_text(text)
    }

    /// Parses what a TOML file holds; a type that can only be written as a string needs nothing else than this.
    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            _ => Err(Problems::plain()),
        }
    }

    /// The value as it would be written in a TOML file.
    fn to_toml(&self) -> toml::Value;

    /// Tests the rules of what it holds, which code that sets a field goes past.
    fn check(&self) -> Result<(), Problems> {
        Ok(())
    }
}

/// A [`Value`] for which a range can be stated, or that holds such values.
pub(super) trait Ranged: Value {
    /// What the range is stated over.
    type Unit: PartialOrd + Value;

    /// Tests every unit that the value holds.
    fn check_units(&self, holds: &dyn Fn(&Self::Unit) -> bool) -> Result<(), Problems>;
}

/// Implements [`Ranged`] for types that are their own unit.
macro_rules! ranged {
    ($($Type:ty),+) => {$(
        impl crate::config::value::Ranged for $Type {
            type Unit = Self;

            fn check_units(
                &self,
                holds: &dyn Fn(&Self) -> bool,
            ) -> Result<(), crate::config::value::Problems> {
                if holds(self) { Ok(()) } else { Err(crate::config::value::Problems::plain()) }
            }
        }
    )+};
}
use ranged;

/// Implements `Deserialize` for types of our own, so that a user's own settings can hold them.
macro_rules! deserialize {
    ($($Type:ty),+) => {$(
        impl<'de> serde::Deserialize<'de> for $Type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::config::value::from_deserializer(deserializer)
            }
        }
    )+};
}
use deserialize;

/// Deserializes any [`Value`] from a format that describes itself.
pub(super) fn from_deserializer<'de, T: Value, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = <toml::Value as serde::Deserialize>::deserialize(deserializer)?;
    T::from_toml(&value)
        .map_err(|problems| serde::de::Error::custom(problems.sentence(&T::accepts())))
}

/// A value as text: as in TOML, but a string without its quotes.
pub(super) fn bare(value: &impl Value) -> String {
    match value.to_toml() {
        toml::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A TOML string or boolean as one of the words that settings are made of: `true` is "on" and `false` is "off".
fn word(value: &toml::Value) -> Option<&str> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Boolean(true) => Some("on"),
        toml::Value::Boolean(false) => Some("off"),
        _ => None,
    }
}
