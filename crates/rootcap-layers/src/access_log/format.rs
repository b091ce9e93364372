//! [`Format`]: how lines are written, and where they are rendered.

use std::{cell::Cell, time::SystemTime};

use tracing::Level;

use super::{Line, Output, line::OPENING};

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
