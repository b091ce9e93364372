//! A value that must not be shown.

use std::fmt;

use super::{Problems, Value};

/// What is shown in place of a secret.
const MASK: &str = "***";

/// A value that is never shown: not by `Debug`, in no error, in no listing of the settings.
///
/// It is only had by asking for it with [`expose`](Self::expose), which is easy to find in a review.
///
/// ```
/// use rootcap::config::Secret;
///
/// let token = Secret::new("open sesame".to_owned());
/// assert_eq!(format!("{token:?}"), "***");
/// assert_eq!(token.expose(), "open sesame");
/// ```
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Makes a secret of a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Compares in a time that depends on the length alone.
impl<T: AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_ref(), other.0.as_ref()).into()
    }
}

impl<T: AsRef<[u8]>> Eq for Secret<T> {}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Value> Value for Secret<T> {
    const SECRET: bool = true;

    fn accepts() -> String {
        T::accepts()
    }

    // A detail might quote the value, so none is passed on.
    fn from_text(text: &str) -> Result<Self, Problems> {
        T::from_text(text).map(Self).map_err(|_| Problems::plain())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        T::from_toml(value).map(Self).map_err(|_| Problems::plain())
    }

    fn to_toml(&self) -> toml::Value {
        MASK.into()
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of another type's `Deserialize` can quote what it was given.
        T::deserialize(deserializer)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("the secret is not of the type expected"))
    }
}
