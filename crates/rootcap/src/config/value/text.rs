//! Text and paths; neither is ever empty, for an empty one is a variable that somebody forgot to fill.

use std::path::PathBuf;

use super::{Problems, Value};

impl Value for String {
    fn accepts() -> String {
        "a text that is not empty".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        if text.is_empty() { Err(Problems::plain()) } else { Ok(text.to_owned()) }
    }

    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
}

impl Value for PathBuf {
    fn accepts() -> String {
        "the path of a file".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        // The system's calls end a path at its first NUL: it would name another file than the one written.
        let nameable = !text.is_empty() && !text.contains('\0');
        if nameable { Ok(text.into()) } else { Err(Problems::plain()) }
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string_lossy().as_ref().into()
    }
}
