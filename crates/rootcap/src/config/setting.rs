//! The view of a setting that does not depend on its type.

use std::borrow::Cow;

use serde::de::{Error as _, MapAccess};

use super::value::{Problems, Rule, Value};

/// One setting, met on a visit.
pub(super) struct Leaf<'a> {
    /// The key with dots: `limits.rate`.
    pub(super) key: String,
    /// What it does: the lines of its documentation, each as written after `///`.
    pub(super) doc: &'static [&'static str],
    /// What its section is about, likewise.
    pub(super) about: &'static [&'static str],
    /// Its value.
    pub(super) setting: &'a mut dyn Setting,
}

/// The value of a setting, whatever its type.
pub(super) trait Setting {
    fn is_secret(&self) -> bool;

    /// Hides what must not be shown in a text that was to be a value, right or wrong.
    fn mask<'t>(&self, text: &'t str) -> Cow<'t, str>;

    /// What can be written, to end the sentence "expected ...".
    fn accepts(&self) -> String;

    /// Sets the value from a text; leaves it alone where that is an error.
    fn set_text(&mut self, text: &str) -> Result<(), Problems>;

    /// Sets the value from TOML; leaves it alone where that is an error.
    fn set_toml(&mut self, value: &toml::Value) -> Result<(), Problems>;

    /// Tests the rule, which code that sets a field goes past.
    fn check(&self) -> Result<(), Problems>;

    /// The value as it would be written in a TOML file, masked if it is secret.
    fn to_toml(&self) -> toml::Value;
}

/// A field together with the rule that the table states for it.
pub(super) struct Slot<'a, T, R> {
    pub(super) value: &'a mut T,
    pub(super) rule: R,
}

impl<T: Value, R: Rule<T>> Slot<'_, T, R> {
    fn set(&mut self, value: T) -> Result<(), Problems> {
        self.rule.check(&value)?;
        *self.value = value;
        Ok(())
    }

    /// Sets the value from the next one of a map.
    pub(super) fn deserialize<'de, A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let value = map.next_value::<toml::Value>()?;
        self.set_toml(&value)
            .map_err(|problems| A::Error::custom(problems.sentence(&self.accepts())))
    }
}

impl<T: Value, R: Rule<T>> Setting for Slot<'_, T, R> {
    fn is_secret(&self) -> bool {
        T::SECRET
    }

    fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        T::mask(text)
    }

    fn accepts(&self) -> String {
        self.rule.accepts(T::accepts())
    }

    fn set_text(&mut self, text: &str) -> Result<(), Problems> {
        self.set(T::from_text(text)?)
    }

    fn set_toml(&mut self, value: &toml::Value) -> Result<(), Problems> {
        self.set(T::from_toml(value)?)
    }

    fn check(&self) -> Result<(), Problems> {
        Problems::gather([self.value.check(), self.rule.check(self.value)])
    }

    fn to_toml(&self) -> toml::Value {
        self.value.to_toml()
    }
}
