//! Lists of tables, such as `[[rate_limit]]`: each table is a section of settings of its own.

use super::{Problems, Step, Value};
use crate::config::schema::Section;
use crate::config::setting::Leaf;
use crate::config::suggest::within;

/// A section of which there may be several, one for each table of a list.
pub(in crate::config) trait Element: Section {
    /// The settings without which a table means nothing.
    const REQUIRED: &'static [&'static str];
}

/// As an element; a list of them is written as TOML wherever it is written: a comma does not separate tables.
impl<T: Element> Value for T {
    fn accepts() -> String {
        let mut fields = Vec::new();
        T::default().visit("", &mut |leaf| {
            let needed = if T::REQUIRED.contains(&leaf.key.as_str()) { "" } else { " (or none)" };
            fields.push(format!("`{}`{needed}: {}", leaf.key, leaf.setting.accepts()));
        });
        format!("a table of {}", fields.join("; "))
    }

    fn accepts_many() -> String {
        format!(
            "a list of tables, in a variable as TOML has them between brackets, each {}",
            T::accepts()
        )
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        Self::from_toml(&parse(text)?)
    }

    fn many_from_text(text: &str) -> Result<Vec<Self>, Problems> {
        Vec::from_toml(&parse(text)?)
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        let toml::Value::Table(table) = value else {
            return Err(Problems::because("it is no table"));
        };
        let mut section = T::default();
        let fields = T::FIELDS.iter().copied();
        let unknown = table.keys().filter(|key| !T::FIELDS.contains(&key.as_str())).map(|key| {
            let near = within(3, key, fields.clone());
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            problem(key, format!("there is no such setting{hint}"), &T::FIELDS.join(", "))
        });
        let missing = T::REQUIRED.iter().filter(|key| !table.contains_key(**key)).map(|key| {
            Problems::because(format!("{key:?} is missing")).expecting(&T::REQUIRED.join(", "))
        });
        let mut results: Vec<Result<(), Problems>> = unknown.chain(missing).map(Err).collect();
        section.visit("", &mut |leaf| {
            results.extend(table.get(&leaf.key).map(|value| set(leaf, value)));
        });
        Problems::gather(results).map(|()| section)
    }

    fn to_toml(&self) -> toml::Value {
        let mut table = toml::Table::new();
        self.clone().visit("", &mut |leaf| {
            table.insert(leaf.key, leaf.setting.to_toml());
        });
        toml::Value::Table(table)
    }

    fn check(&self) -> Result<(), Problems> {
        let mut results = Vec::new();
        self.clone().visit("", &mut |leaf| {
            let problem = |found: Problems| placed(found, &leaf);
            results.push(leaf.setting.check().map_err(problem));
        });
        Problems::gather(results)
    }
}

fn set(leaf: Leaf<'_>, value: &toml::Value) -> Result<(), Problems> {
    leaf.setting.set_toml(value).map_err(|found| placed(found, &leaf))
}

fn placed(found: Problems, leaf: &Leaf<'_>) -> Problems {
    found.expecting(&leaf.setting.accepts()).under(&Step::Key(leaf.key.clone()))
}

fn problem(key: &str, detail: String, accepts: &str) -> Problems {
    Problems::because(detail).expecting(accepts).under(&Step::Key(key.to_owned()))
}

/// The TOML value that a text is.
fn parse(text: &str) -> Result<toml::Value, Problems> {
    text.parse().map_err(|_| Problems::because("it is not TOML"))
}
