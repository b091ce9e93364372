//! [`Output`]: where lines go.

use std::sync::Arc;

use tracing::Level;

/// Where the lines of the log go.
///
/// Both methods run on the path of a call: they must neither block nor panic.
pub trait Output: Send + Sync + 'static {
    /// Whether lines of calls of this level are wanted now; those that are not are never rendered.
    fn enabled(&self, level: Level) -> bool {
        let _ = level;
        true
    }

    /// Takes one line, which ends with a line feed and has no other.
    fn write(&self, line: &[u8]);
}

impl<O: Output + ?Sized> Output for Arc<O> {
    fn enabled(&self, level: Level) -> bool {
        O::enabled(self, level)
    }

    fn write(&self, line: &[u8]) {
        O::write(self, line);
    }
}
