//! [`Line`]: one line of the log, as JSON or as text.

use std::{
    cell::Cell,
    time::{Duration, SystemTime},
};

use tracing::Level;

use super::{Output, escape, timestamp};
use crate::excerpt;

/// How much is logged of a string that a caller controls, in bytes.
pub const MAX_CALLER_STRING: usize = excerpt::MAX_LEN;

/// What stands before the time in a line of JSON.
const OPENING: &[u8] = b"{\"timestamp\":\"";

/// A buffer that has grown beyond this is not kept.
const MAX_KEPT: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// `timestamp level message key=value ...`, for people.
    Text,
}

impl Format {
    /// Renders one line in a buffer of this thread and gives it to `output`; `fields` adds to it.
    /// Nothing is allocated once the buffer has grown to the size of the lines.
    pub fn write(
        self,
        output: &(impl Output + ?Sized),
        at: SystemTime,
        level: Level,
        message: &str,
        fields: impl FnOnce(&mut Line<'_>),
    ) {
        let begin = |buffer: &mut Vec<u8>| Line::inside(buffer, self).begin(at, level, message);
        self.write_begun(output, begin, fields);
    }

    /// The same with another way to begin.
    pub(super) fn write_begun(
        self,
        output: &(impl Output + ?Sized),
        begin: impl FnOnce(&mut Vec<u8>),
        fields: impl FnOnce(&mut Line<'_>),
    ) {
        // Taken, not borrowed: a field's `Debug` may log a line itself.
        let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
        buffer.clear();
        begin(&mut buffer);
        self.finish(&mut buffer, fields);
        output.write(&buffer);
        if buffer.capacity() <= MAX_KEPT {
            // A thread that is ending keeps no buffer.
            let _ = BUFFER.try_with(|kept| kept.set(buffer));
        }
    }

    /// Appends one line, with its line feed.
    pub fn render(
        self,
        buffer: &mut Vec<u8>,
        at: SystemTime,
        level: Level,
        message: &str,
        fields: impl FnOnce(&mut Line<'_>),
    ) {
        Line::inside(buffer, self).begin(at, level, message);
        self.finish(buffer, fields);
    }

    fn finish(self, buffer: &mut Vec<u8>, fields: impl FnOnce(&mut Line<'_>)) {
        fields(&mut Line::inside(buffer, self));
        buffer.extend_from_slice(match self {
            Format::Json => b"}\n",
            Format::Text => b"\n",
        });
    }

    /// How much of a line stands before its time.
    pub(super) fn before_time(self) -> usize {
        match self {
            Format::Json => OPENING.len(),
            Format::Text => 0,
        }
    }
}

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

    fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix.as_bytes());
        if self.plain {
            out.extend_from_slice(self.name.as_bytes());
        } else {
            escape::push(out, self.name.as_bytes(), &escape::QUOTED);
        }
    }
}

/// A line that is being written. Whatever is given to it stays within this line and within its field.
#[derive(Debug)]
pub struct Line<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
}

impl<'a> Line<'a> {
    /// The middle of a line, whose beginning is elsewhere.
    pub(super) fn inside(out: &'a mut Vec<u8>, format: Format) -> Self {
        Self { out, format }
    }

    /// The time, the level and the message.
    pub(super) fn begin(&mut self, at: SystemTime, level: Level, message: &str) {
        match self.format {
            Format::Json => {
                self.out.extend_from_slice(OPENING);
                timestamp::push(self.out, at);
                self.out.extend_from_slice(match level {
                    Level::ERROR => b"\",\"level\":\"ERROR\",\"message\":\"",
                    Level::WARN => b"\",\"level\":\"WARN\",\"message\":\"",
                    Level::INFO => b"\",\"level\":\"INFO\",\"message\":\"",
                    Level::DEBUG => b"\",\"level\":\"DEBUG\",\"message\":\"",
                    Level::TRACE => b"\",\"level\":\"TRACE\",\"message\":\"",
                });
                escape::push(self.out, message.as_bytes(), &escape::QUOTED);
                self.out.push(b'"');
            }
            Format::Text => {
                timestamp::push(self.out, at);
                self.out.extend_from_slice(&b"      "[level.as_str().len()..]);
                self.out.extend_from_slice(level.as_str().as_bytes());
                self.out.push(b' ');
                escape::push(self.out, message.as_bytes(), &escape::MESSAGE);
            }
        }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// How long the line is so far, in bytes.
    pub fn length(&self) -> usize {
        self.out.len()
    }

    /// A string, escaped; bytes that are not UTF-8 are replaced.
    #[inline]
    pub fn string(&mut self, key: Key<'_>, value: impl AsRef<[u8]>) {
        self.key(key);
        let value = value.as_ref();
        let bare = self.format == Format::Text && !value.is_empty();
        if bare && escape::plain_prefix(value, &escape::BARE) == value.len() {
            self.out.extend_from_slice(value);
            return;
        }
        self.out.push(b'"');
        escape::push(self.out, value, &escape::QUOTED);
        self.out.push(b'"');
    }

    /// The same for a string that a caller controls: cut at [`MAX_CALLER_STRING`] bytes.
    #[inline]
    pub fn caller_string(&mut self, key: Key<'_>, value: impl AsRef<[u8]>) {
        self.string(key, escape::cut(value.as_ref(), MAX_CALLER_STRING));
    }

    /// A whole number.
    #[inline(always)]
    pub fn integer(&mut self, key: Key<'_>, value: impl itoa::Integer) {
        self.key(key);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A number with a fraction; one that JSON does not know (infinite, or none at all) as a string.
    pub fn float(&mut self, key: Key<'_>, value: f64) {
        let text = format!("{value:?}");
        match value.is_finite() {
            true => self.raw(key, text.as_bytes()),
            false => self.string(key, text),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: Key<'_>, value: bool) {
        self.raw(key, if value { b"true" } else { b"false" });
    }

    /// A duration in milliseconds, with three decimals: `0.123`.
    #[inline(always)]
    pub fn millis(&mut self, key: Key<'_>, value: Duration) {
        self.key(key);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.out.extend_from_slice(itoa::Buffer::new().format(micros / 1_000).as_bytes());
        let fraction = (micros % 1_000) as u16;
        let digit = |of: u16| b'0' + (fraction / of % 10) as u8;
        self.out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
    }

    /// Lower-case hexadecimal digits; `N` is the number of digits.
    #[inline(always)]
    pub(super) fn hex<const N: usize>(&mut self, key: Key<'_>, bytes: &[u8]) {
        let mut digits = [0; N];
        crate::hex::write(bytes, &mut digits);
        self.plain(key, &digits);
    }

    /// A string that is known to be visible ASCII without quotes, `=` and backslashes, and not empty.
    #[inline(always)]
    pub(super) fn plain(&mut self, key: Key<'_>, value: &[u8]) {
        self.key(key);
        match self.format {
            Format::Json => {
                self.out.push(b'"');
                self.out.extend_from_slice(value);
                self.out.push(b'"');
            }
            Format::Text => self.out.extend_from_slice(value),
        }
    }

    /// Fields that were rendered before, in the same format.
    pub(super) fn rendered(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }

    fn raw(&mut self, key: Key<'_>, value: &[u8]) {
        self.key(key);
        self.out.extend_from_slice(value);
    }

    // What is known of a key when this is compiled is of use only where it is written.
    #[inline(always)]
    fn key(&mut self, key: Key<'_>) {
        match (key.ahead, self.format) {
            (Some(key), Format::Json) => self.out.extend_from_slice(key.json.as_bytes()),
            (Some(key), Format::Text) => self.out.extend_from_slice(key.text.as_bytes()),
            (None, _) => self.key_in_pieces(key),
        }
    }

    fn key_in_pieces(&mut self, key: Key<'_>) {
        let quotes = self.format == Format::Json || !key.plain;
        self.out.extend_from_slice(match (self.format, quotes) {
            (Format::Json, _) => b",\"",
            (Format::Text, true) => b" \"",
            (Format::Text, false) => b" ",
        });
        key.push(self.out);
        self.out.extend_from_slice(match (self.format, quotes) {
            (Format::Json, _) => b"\":",
            (Format::Text, true) => b"\"=",
            (Format::Text, false) => b"=",
        });
    }
}
