//! The macro behind the table of settings.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};

use super::setting::Leaf;

/// A group of settings; implemented by `settings!` alone.
pub(super) trait Section: Clone + Default {
    /// What it is about: the lines of its documentation, each as written after `///`.
    const ABOUT: &'static [&'static str];

    /// The names of the fields.
    const FIELDS: &'static [&'static str];

    /// Calls `visit` with each setting, also those of the sections within, in the order of the table.
    fn visit(&mut self, path: &str, visit: &mut dyn FnMut(Leaf<'_>));

    /// Reads the field `name` from the next value of a map.
    fn deserialize_field<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// Reads a section from a map: each field once or not at all, and nothing else.
pub(super) struct SectionVisitor<S>(pub(super) PhantomData<S>);

impl<'de, S: Section> Visitor<'de> for SectionVisitor<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a table of settings ({})", S::FIELDS.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S, A::Error> {
        let mut section = S::default();
        while let Some(name) = map.next_key::<String>()? {
            section.deserialize_field(&name, &mut map)?;
        }
        Ok(section)
    }
}

/// A name within a path of names.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { [path, ".", name].concat() }
}

/// The name of a field as it is written in settings: some are words of Rust, as `r#match`.
pub(super) const fn written(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// Declares structs of settings: the one place that knows what settings there are.
///
/// A field is a setting, with its default and perhaps a rule (`name: Type = default, in rule;`), or a section, which
/// is another such struct (`name: Type;`). The macro makes the struct, `Default`, `Deserialize` (every field may be
/// missing, none may be unknown) and [`Section`], through which the loader and the listings see the settings.
macro_rules! settings {
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };

    (@rule) => { .. };
    (@rule $rule:expr) => { $rule };

    (@visit $field:expr, $doc:expr, $key:expr, $visit:ident) => {
        crate::config::schema::Section::visit(&mut $field, &$key, $visit)
    };
    (@visit $field:expr, $doc:expr, $key:expr, $visit:ident, $default:expr $(, $rule:expr)?) => {
        $visit(crate::config::setting::Leaf {
            key: $key,
            doc: $doc,
            about: <Self as crate::config::schema::Section>::ABOUT,
            setting: &mut crate::config::setting::Slot {
                value: &mut $field,
                rule: settings!(@rule $($rule)?),
            },
        })
    };

    (@deserialize $field:expr, $map:ident) => {{
        $field = $map.next_value()?;
        Ok(())
    }};
    (@deserialize $field:expr, $map:ident, $default:expr $(, $rule:expr)?) => {
        crate::config::setting::Slot { value: &mut $field, rule: settings!(@rule $($rule)?) }
            .deserialize($map)
    };

    ($(
        $(#[doc = $about:literal])+
        $vis:vis struct $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $name:ident : $Type:ty $(= $default:expr $(, in $rule:expr)?)? ;
            )+
        }
    )+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $Section {
            $(
                $(#[doc = $doc])+
                $(#[doc = concat!("\n\nDefault: `", stringify!($default), "`.")])?
                $vis $name: $Type,
            )+
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $( $name: settings!(@default $($default)?), )+ }
            }
        }

        impl crate::config::schema::Section for $Section {
            const ABOUT: &'static [&'static str] = &[$($about),+];
            const FIELDS: &'static [&'static str] = &[$( crate::config::schema::written(stringify!($name)) ),+];

            fn visit(
                &mut self,
                path: &str,
                visit: &mut dyn FnMut(crate::config::setting::Leaf<'_>),
            ) {
                $(
                    settings!(
                        @visit self.$name, &[$($doc),+],
                        crate::config::schema::join(
                            path,
                            crate::config::schema::written(stringify!($name)),
                        ), visit
                        $(, $default $(, $rule)?)?
                    );
                )+
            }

            fn deserialize_field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                name: &str,
                map: &mut A,
            ) -> Result<(), A::Error> {
                match name {
                    $(
                        _ if name == crate::config::schema::written(stringify!($name)) => {
                            settings!(@deserialize self.$name, map $(, $default $(, $rule)?)?)
                        }
                    )+
                    other => Err(serde::de::Error::unknown_field(other, Self::FIELDS)),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $Section {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_struct(
                    stringify!($Section),
                    <Self as crate::config::schema::Section>::FIELDS,
                    crate::config::schema::SectionVisitor(std::marker::PhantomData),
                )
            }
        }
    )+};
}
pub(super) use settings;
