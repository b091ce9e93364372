//! What a program shows of itself on the admin port: values of its own, its memory, and where its time goes (profiles,
//! stacks of threads, handlers that block their thread).
#![cfg_attr(
    not(all(
        feature = "profiling",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    allow(dead_code, reason = "what only profiles use is there without them, too")
)]

#[cfg(not(all(
    feature = "profiling",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "absent.rs"]
mod sampling;
#[cfg(all(
    feature = "profiling",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod sampling;

pub(crate) mod dump;
pub(crate) mod flame;
pub(crate) mod heap;
pub(crate) mod marks;
pub(crate) mod memory;
pub(crate) mod methods;
pub(crate) mod profile;
pub(crate) mod proto;
pub(crate) mod stalls;
pub(crate) mod threads;
pub(crate) mod values;

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

pub use self::values::register;
pub(crate) use self::{methods::Names, sampling::profile_cpu, stalls::Stalls};

/// Which CPU profile is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) lasts: Duration,
    /// Samples a second of each thread's CPU time; not zero.
    pub(crate) hz: u32,
    /// Who asks.
    pub(crate) who: String,
}

/// A profile that is being taken.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    who: String,
    since: Instant,
    lasts: Duration,
}

impl From<&Request> for Running {
    fn from(request: &Request) -> Self {
        Self { who: request.who.clone(), since: Instant::now(), lasts: request.lasts }
    }
}

/// Why there is no profile.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another one is being taken.
    Busy(Running),
    /// It is not compiled in, or not for this platform.
    Absent,
    /// The system refuses.
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Unsupported => Self::Absent,
            _ => Self::Failed(error),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(Running { who, since, lasts }) => {
                let left = lasts.saturating_sub(since.elapsed()).as_secs_f64();
                write!(
                    f,
                    "a CPU profile is being taken already, for {who}, since {:.1}s; it ends in {left:.1}s",
                    since.elapsed().as_secs_f64()
                )
            }
            Self::Absent => f.write_str(
                "stacks can be taken on Linux alone, on x86-64 and AArch64, \
                 in a build with the feature \"profiling\" of rootcap, which is on by default",
            ),
            Self::Failed(error) => write!(f, "the system does not let stacks be taken: {error}"),
        }
    }
}

/// Says that nobody waits for the result any more. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks to stop.
    pub(crate) fn ask(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Relaxed)
    }
}
