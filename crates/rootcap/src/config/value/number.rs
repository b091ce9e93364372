//! Plain numbers.

use std::num::NonZeroU32;

use super::{Problems, Value, ranged};

/// Implements [`Value`] for integers; none of ours needs more than an `i64` holds.
macro_rules! integers {
    ($($Type:ty),+) => {$(
        impl Value for $Type {
            fn accepts() -> String {
                "a whole number".to_owned()
            }

            fn from_text(text: &str) -> Result<Self, Problems> {
                text.parse().map_err(|_| Problems::plain())
            }

            fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
                match value {
                    toml::Value::Integer(number) => {
                        Self::try_from(*number).map_err(|_| Problems::plain())
                    }
                    toml::Value::String(text) => Self::from_text(text),
                    _ => Err(Problems::plain()),
                }
            }

            fn to_toml(&self) -> toml::Value {
                i64::try_from(*self).unwrap_or(i64::MAX).into()
            }
        }
    )+};
}

integers!(u32, usize);
ranged!(u32, usize, NonZeroU32, f64);

impl Value for NonZeroU32 {
    fn accepts() -> String {
        "a whole number".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        text.parse().map_err(|_| Problems::plain())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        Self::new(u32::from_toml(value)?).ok_or_else(Problems::plain)
    }

    fn to_toml(&self) -> toml::Value {
        self.get().into()
    }
}

impl Value for f64 {
    fn accepts() -> String {
        "a number".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        let number: Self = text.parse().map_err(|_| Problems::plain())?;
        if number.is_finite() { Ok(number) } else { Err(Problems::plain()) }
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        match value {
            toml::Value::Float(number) if number.is_finite() => Ok(*number),
            // Exact up to 2^53, which is beyond every range that is stated over such a number.
            toml::Value::Integer(number) => Ok(*number as Self),
            toml::Value::String(text) => Self::from_text(text),
            _ => Err(Problems::plain()),
        }
    }

    fn to_toml(&self) -> toml::Value {
        (*self).into()
    }
}
