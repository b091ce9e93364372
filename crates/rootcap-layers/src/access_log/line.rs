//! [`Line`]: one line of the log, as JSON or as text.

use std::time::{Duration, SystemTime};

use tracing::Level;

use super::{Format, Key, escape, timestamp};
use crate::excerpt;

/// How much is logged of a string that a caller controls, in bytes.
pub const MAX_CALLER_STRING: usize = excerpt::MAX_LEN;

/// What stands before the time in a line of JSON.
pub(super) const OPENING: &[u8] = b"{\"timestamp\":\"";

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
        key.write(self.out, self.format);
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

    /// A count: the most are of one digit.
    #[inline(always)]
    pub(super) fn count(&mut self, key: Key<'_>, value: u64) {
        key.write(self.out, self.format);
        push_count(self.out, value);
    }

    /// A whole number.
    #[inline(always)]
    pub fn integer(&mut self, key: Key<'_>, value: impl itoa::Integer) {
        key.write(self.out, self.format);
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
        key.write(self.out, self.format);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        push_count(self.out, micros / 1_000);
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
        key.write(self.out, self.format);
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
        key.write(self.out, self.format);
        self.out.extend_from_slice(value);
    }
}

#[inline]
fn push_count(out: &mut Vec<u8>, count: u64) {
    match count {
        0..10 => out.push(b'0' + count as u8),
        _ => out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes()),
    }
}
