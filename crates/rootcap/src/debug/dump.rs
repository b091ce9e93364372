//! What each task of the service waits for: tokio's dump, which is unstable. It is there in a build with
//! `--cfg tokio_unstable` and the feature `taskdump`.

#[cfg(not(all(
    tokio_unstable,
    feature = "taskdump",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "dump/absent.rs"]
mod asked;
#[cfg(all(
    tokio_unstable,
    feature = "taskdump",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod asked;

use std::{fmt, time::Duration};

pub(crate) use self::asked::of;

/// Tasks that wait at the same place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Waits {
    pub(crate) tasks: usize,
    /// The functions that wait, from the task inwards, a line each, as tokio draws them.
    pub(crate) lines: Vec<String>,
}

/// Why there is no dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "a build has the first of them, or the others")]
pub(crate) enum NoDump {
    /// It is not compiled in.
    Absent,
    /// The runtime has but the thread that drives it.
    OneThread,
    /// A worker has not come to its next task for so long.
    Blocked(Duration),
}

impl fmt::Display for NoDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(
                "there is no dump of tasks in this build: it takes RUSTFLAGS=\"--cfg tokio_unstable\", the feature \
                 taskdump of rootcap, and Linux on x86-64 or AArch64",
            ),
            Self::OneThread => f.write_str(
                "there is no dump of tasks: tokio has none of a runtime of one thread, other than for itself",
            ),
            Self::Blocked(time) => write!(
                f,
                "there is no dump of tasks: a worker has been busy with one task for {time:?}; /debug/stalls lists \
                 handlers that block",
            ),
        }
    }
}
