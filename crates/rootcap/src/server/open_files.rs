//! Keeps the last file descriptors of the process from connections of callers.
//!
//! Whoever opens connections until none is left would otherwise take them from the admin port too, whose probes then
//! fail, so that the process is killed; and from handlers, who open files and connections of their own.

use std::{
    os::fd::{AsRawFd, RawFd},
    sync::OnceLock,
};

/// The most descriptors that are kept: for the admin port's connections, and as many again.
const MOST_KEPT: u64 = 128;

/// How many descriptors the process may have; `None` where that cannot be read. It is read once, so that what is shown of
/// it is what was decided by.
pub(crate) fn limit_at_start() -> Option<u64> {
    static LIMIT: OnceLock<Option<u64>> = OnceLock::new();
    *LIMIT.get_or_init(|| rlimit::Resource::NOFILE.get_soft().ok())
}

/// Which descriptors connections may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenFiles {
    /// The first number that is kept.
    kept_from: u64,
}

impl OpenFiles {
    /// By the limit that the process has now.
    pub(super) fn of_process() -> Self {
        // Where the limit cannot be read, nothing is kept: running out is waited out, as it is without this.
        limit_at_start().map_or(Self { kept_from: u64::MAX }, Self::of)
    }

    /// Of `limit` descriptors a quarter is kept, if that is not too many.
    fn of(limit: u64) -> Self {
        Self { kept_from: limit - (limit / 4).min(MOST_KEPT) }
    }

    /// Whether a connection may keep its descriptor. The system gives the lowest free number: one that is high says
    /// that most are in use, by whatever.
    pub(super) fn allow(self, connection: &impl AsRawFd) -> bool {
        self.allow_number(connection.as_raw_fd())
    }

    fn allow_number(self, number: RawFd) -> bool {
        u64::try_from(number).is_ok_and(|number| number < self.kept_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept() {
        for (limit, kept) in [(64, 16), (512, 128), (1024, 128), (1 << 30, 128), (0, 0), (3, 0)] {
            let files = OpenFiles::of(limit);
            let first = RawFd::try_from(limit - kept).unwrap_or(RawFd::MAX);
            assert!(!files.allow_number(first), "{limit}");
            assert!(first == 0 || files.allow_number(first - 1), "{limit}");
        }
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        for files in [OpenFiles::of(u64::MAX), OpenFiles { kept_from: u64::MAX }] {
            assert!(files.allow_number(RawFd::MAX));
        }
    }
}
