//! What can go wrong with the log.

use std::{error::Error, fmt, io};

/// Why the log cannot be set up, or changed.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum LogsError {
    /// The filter cannot be parsed.
    Filter {
        /// The filter.
        value: String,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The subscriber of this process is not ours, so there is no filter to change.
    NotOurs,
    /// The subscriber is gone.
    Gone,
    /// The thread that writes the log cannot be started.
    Thread(io::Error),
}

/// What a filter may be, for a message to whoever wrote another.
pub(crate) const ACCEPTED_FILTER: &str = "a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), \
     or directives `target=level` separated by commas, as in `info,my_crate=debug`";

impl fmt::Display for LogsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter { value, .. } => {
                write!(f, "log filter {value:?} is not {ACCEPTED_FILTER}")
            }
            Self::NotOurs => f.write_str(
                "the filter cannot be changed: the process has a tracing subscriber of its own",
            ),
            Self::Gone => {
                f.write_str("the filter cannot be changed: the tracing subscriber is gone")
            }
            Self::Thread(_) => f.write_str("cannot start the thread that writes the log"),
        }
    }
}

impl Error for LogsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Filter { source, .. } => Some(&**source),
            Self::Thread(source) => Some(source),
            Self::NotOurs | Self::Gone => None,
        }
    }
}
