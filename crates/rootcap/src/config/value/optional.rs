//! Values that may be absent: `"off"` for what can be turned off, `"auto"` for what has a value of its own accord.

use std::borrow::Cow;

use super::{Problems, Ranged, Value, word};

/// `None` is written `"off"`, or `false` in TOML.
impl<T: Value> Value for Option<T> {
    const SECRET: bool = T::SECRET;

    fn accepts() -> String {
        format!(r#""off" or {}"#, T::accepts())
    }

    fn mask(text: &str) -> Cow<'_, str> {
        T::mask(text)
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        if text == "off" { Ok(None) } else { T::from_text(text).map(Some) }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        if word(value) == Some("off") { Ok(None) } else { T::from_toml(value).map(Some) }
    }

    fn to_toml(&self) -> toml::Value {
        self.as_ref().map_or_else(|| "off".into(), T::to_toml)
    }
}

impl<T: Ranged> Ranged for Option<T> {
    type Unit = T::Unit;

    fn check_units(&self, holds: &dyn Fn(&T::Unit) -> bool) -> Result<(), Problems> {
        self.as_ref().map_or(Ok(()), |value| value.check_units(holds))
    }
}

/// A value that follows from something else unless it is set.
///
/// In settings, the value that follows is written `"auto"`.
///
/// ```
/// use rootcap::config::Auto;
///
/// assert_eq!(Auto::Set(5).as_set(), Some(&5));
/// assert_eq!(Auto::<u32>::Auto.as_set(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Auto<T> {
    /// The value follows from what the setting's documentation names.
    #[default]
    Auto,
    /// The value is this one.
    Set(T),
}

impl<T> Auto<T> {
    /// The value, if it is set.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Self::Auto => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T: Value> Value for Auto<T> {
    const SECRET: bool = T::SECRET;

    fn accepts() -> String {
        format!(r#""auto" or {}"#, T::accepts())
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        if text == "auto" { Ok(Self::Auto) } else { T::from_text(text).map(Self::Set) }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        match value {
            toml::Value::String(text) if text == "auto" => Ok(Self::Auto),
            other => T::from_toml(other).map(Self::Set),
        }
    }

    fn to_toml(&self) -> toml::Value {
        self.as_set().map_or_else(|| "auto".into(), T::to_toml)
    }
}

impl<T: Ranged> Ranged for Auto<T> {
    type Unit = T::Unit;

    fn check_units(&self, holds: &dyn Fn(&T::Unit) -> bool) -> Result<(), Problems> {
        self.as_set().map_or(Ok(()), |value| value.check_units(holds))
    }
}
