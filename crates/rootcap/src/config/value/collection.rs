//! Lists and maps; as text, `a,b` and `a=1,b=2`.

use std::collections::BTreeMap;

use super::{Problems, Ranged, Step, Value};

/// The parts of a text between commas, without the blanks around them; no parts in a blank text.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let blank = text.trim().is_empty();
    text.split(',').map(str::trim).filter(move |_| !blank)
}

/// A part of a text that may have to hold a comma or an equals sign: as in `OTEL_RESOURCE_ATTRIBUTES`.
fn decode(part: &str) -> String {
    percent_encoding::percent_decode_str(part.trim()).decode_utf8_lossy().into_owned()
}

/// A list as `a,b`.
pub(super) fn list_from_text<T: Value>(text: &str) -> Result<Vec<T>, Problems> {
    let element = |(index, part)| T::from_text(part).map_err(|p| p.under(&Step::Index(index)));
    Problems::gather(parts(text).enumerate().map(element))
}

impl<T: Value> Value for Vec<T> {
    const SECRET: bool = T::SECRET;

    fn accepts() -> String {
        T::accepts_many()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        T::many_from_text(text)
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        let element = |(index, part)| T::from_toml(part).map_err(|p| p.under(&Step::Index(index)));
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Array(list) => Problems::gather(list.iter().enumerate().map(element)),
            _ => Err(Problems::plain()),
        }
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Array(self.iter().map(T::to_toml).collect())
    }

    fn check(&self) -> Result<(), Problems> {
        let element =
            |(index, part): (usize, &T)| part.check().map_err(|p| p.under(&Step::Index(index)));
        Problems::gather(self.iter().enumerate().map(element))
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    const SECRET: bool = T::SECRET;

    fn accepts() -> String {
        format!(
            "a table of these by name (as a text: name=value, separated by commas; %2C is a comma): {}",
            T::accepts()
        )
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        let mut map = Self::new();
        let entry = |(index, part): (usize, &str)| {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| Problems::because("there is no `=`").under(&Step::Index(index)))?;
            let (key, value) = (decode(key), decode(value));
            let step = Step::Key(key.clone());
            let value = T::from_text(&value).map_err(|problems| problems.under(&step))?;
            match map.insert(key, value) {
                None => Ok(()),
                Some(_) => Err(Problems::because("the name comes twice").under(&step)),
            }
        };
        Problems::gather::<_, ()>(parts(text).enumerate().map(entry))?;
        Ok(map)
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Table(table) => Problems::gather(table.iter().map(|(key, value)| {
                let value = T::from_toml(value).map_err(|p| p.under(&Step::Key(key.clone())))?;
                Ok((key.clone(), value))
            })),
            _ => Err(Problems::plain()),
        }
    }

    fn to_toml(&self) -> toml::Value {
        toml::Value::Table(self.iter().map(|(key, value)| (key.clone(), value.to_toml())).collect())
    }
}

impl<T: Ranged> Ranged for BTreeMap<String, T> {
    type Unit = T::Unit;

    fn check_units(&self, holds: &dyn Fn(&T::Unit) -> bool) -> Result<(), Problems> {
        let entry = |(key, value): (&String, &T)| {
            value.check_units(holds).map_err(|problems| problems.under(&Step::Key(key.clone())))
        };
        Problems::gather(self.iter().map(entry))
    }
}
