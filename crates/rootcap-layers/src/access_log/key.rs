//! [`Key`]: the name of a field, and how it is written.

use super::{Format, escape};

/// The name of a field.
///
/// As a constant it costs nothing to check whether it needs escapes.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    prefix: &'static str,
    name: &'a str,
    plain: bool,
    ahead: Option<Ahead>,
}

/// All that stands before a value, as it is written in each format.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    json: &'static str,
    text: &'static str,
}

/// A [`Key`] that is known when this is compiled: one piece of the line, whose length is known too.
macro_rules! key {
    ($name:literal) => {
        const { Key::ahead($name, concat!(",\"", $name, "\":"), concat!(" ", $name, "=")) }
    };
}
pub(super) use key;

impl<'a> Key<'a> {
    /// A key with this name.
    pub const fn new(name: &'a str) -> Self {
        let bytes = name.as_bytes();
        let mut plain = !bytes.is_empty();
        let mut at = 0;
        while at < bytes.len() {
            plain &= bytes[at] > b' ' && bytes[at] <= b'~';
            plain &= !matches!(bytes[at], b'"' | b'\\' | b'=');
            at += 1;
        }
        Self { prefix: "", name, plain, ahead: None }
    }

    /// For `key!`, and for nobody else.
    pub(super) const fn ahead(name: &'a str, json: &'static str, text: &'static str) -> Self {
        let key = Self::new(name);
        assert!(key.plain, "a name that needs escapes is written piece by piece");
        Self { ahead: Some(Ahead { json, text }), ..key }
    }

    /// The same name behind a prefix, which must be visible ASCII without quotes.
    #[must_use]
    pub const fn under(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self.ahead = None;
        self
    }

    /// Appends all that stands before the value. What is known of a key when this is compiled is of use only where it is
    /// written.
    #[inline(always)]
    pub(super) fn write(self, out: &mut Vec<u8>, format: Format) {
        match (self.ahead, format) {
            (Some(ahead), Format::Json) => out.extend_from_slice(ahead.json.as_bytes()),
            (Some(ahead), Format::Text) => out.extend_from_slice(ahead.text.as_bytes()),
            (None, _) => self.write_in_pieces(out, format),
        }
    }

    fn write_in_pieces(self, out: &mut Vec<u8>, format: Format) {
        let quotes = format == Format::Json || !self.plain;
        out.extend_from_slice(match (format, quotes) {
            (Format::Json, _) => b",\"",
            (Format::Text, true) => b" \"",
            (Format::Text, false) => b" ",
        });
        self.write_name(out);
        out.extend_from_slice(match (format, quotes) {
            (Format::Json, _) => b"\":",
            (Format::Text, true) => b"\"=",
            (Format::Text, false) => b"=",
        });
    }

    fn write_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        if self.plain {
            out.extend_from_slice(self.name.as_bytes());
        } else {
            escape::push(out, self.name.as_bytes(), &escape::QUOTED);
        }
    }
}
