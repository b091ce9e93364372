//! Backing off when `accept` fails, so that a server out of file descriptors neither spins nor floods its log.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// The first pause of an episode.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest pause, and how long accepting must go well for an episode to be over.
const LONGEST: Duration = Duration::from_secs(1);

/// What to do after `accept` has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Accept again at once: the error was that of one connection, which is gone.
    Retry,
    /// Do not accept for `delay`: the next attempt would fail alike.
    Pause {
        /// How long to wait.
        delay: Duration,
        /// Whether this failure begins an episode; only then is it worth a log line.
        begins: bool,
    },
}

/// An episode of failures that is over; worth a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// How often `accept` failed.
    pub(crate) failures: u64,
    /// From the first failure to the last.
    pub(crate) lasted: Duration,
}

/// The back-off of one accept loop.
///
/// Where descriptors are short, each connection that ends lets one more in: failures and successes alternate. So a
/// success shortens the next pause, but ends the episode only when nothing has failed for a second.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    episode: Option<Episode>,
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    began: Instant,
    last_failure: Instant,
    failures: u64,
    next_delay: Duration,
}

impl Backoff {
    /// `accept` has failed with `err`.
    pub(crate) fn next(&mut self, err: &io::Error, now: Instant) -> Decision {
        if concerns_one_connection(err) {
            return Decision::Retry;
        }
        let begins = self.episode.is_none();
        let episode = self.episode.get_or_insert(Episode {
            began: now,
            last_failure: now,
            failures: 0,
            next_delay: SHORTEST,
        });
        let delay = episode.next_delay;
        episode.next_delay = (delay * 2).min(LONGEST);
        episode.last_failure = now;
        episode.failures += 1;
        Decision::Pause { delay, begins }
    }

    /// A connection was accepted; says so if an episode of failures is over with it.
    pub(crate) fn accepted(&mut self, now: Instant) -> Option<Recovery> {
        let episode = self.episode.as_mut()?;
        if now.saturating_duration_since(episode.last_failure) < LONGEST {
            episode.next_delay = SHORTEST;
            return None;
        }
        let Episode { began, last_failure, failures, .. } = *episode;
        self.episode = None;
        Some(Recovery { failures, lasted: last_failure.saturating_duration_since(began) })
    }
}

/// Whether `accept` has failed for the connection it would have returned, and not for want of something.
///
/// Linux reports a new connection's pending network error from `accept` and asks that it be treated like `EAGAIN`.
/// An error that is not listed counts as a shortage: a pause too many does no harm, a loop without one does.
pub(super) fn concerns_one_connection(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::Interrupted
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `EMFILE`, as Linux, the BSDs and macOS number it.
    fn too_many_files() -> io::Error {
        io::Error::from_raw_os_error(24)
    }

    fn pause(millis: u64, begins: bool) -> Decision {
        Decision::Pause { delay: Duration::from_millis(millis), begins }
    }

    #[test]
    fn an_error_of_one_connection_is_retried_at_once_and_ends_or_begins_nothing() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        for kind in
            [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted]
        {
            assert_eq!(backoff.next(&kind.into(), now), Decision::Retry);
            assert_eq!(backoff.accepted(now), None);
        }
        assert_eq!(backoff.next(&too_many_files(), now), pause(10, true));
        assert_eq!(backoff.next(&ErrorKind::ConnectionAborted.into(), now), Decision::Retry);
        assert_eq!(backoff.next(&too_many_files(), now), pause(20, false));
    }

    #[test]
    fn pauses_double_from_ten_milliseconds_to_a_second() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..9).map(|_| backoff.next(&too_many_files(), now)).collect();
        let millis = [10, 20, 40, 80, 160, 320, 640, 1000, 1000];
        let expected: Vec<_> = millis.iter().map(|&ms| pause(ms, ms == 10)).collect();
        assert_eq!(delays, expected);
    }

    #[test]
    fn want_of_memory_and_the_unknown_pause() {
        for err in
            [ErrorKind::OutOfMemory.into(), io::Error::from_raw_os_error(23), io::Error::other("?")]
        {
            assert_eq!(Backoff::default().next(&err, Instant::now()), pause(10, true));
        }
    }

    #[test]
    fn successes_between_failures_shorten_the_pause_but_do_not_begin_a_new_episode() {
        let mut now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(&too_many_files(), now), pause(10, true));
        assert_eq!(backoff.next(&too_many_files(), now), pause(20, false));
        for _ in 0..100 {
            now += Duration::from_millis(10);
            assert_eq!(backoff.accepted(now), None);
            assert_eq!(backoff.next(&too_many_files(), now), pause(10, false));
        }
    }

    #[test]
    fn recovery_is_told_once_after_a_second_without_a_failure() {
        let start = Instant::now();
        let mut backoff = Backoff::default();
        backoff.next(&too_many_files(), start);
        backoff.next(&too_many_files(), start + Duration::from_secs(3));
        assert_eq!(backoff.accepted(start + Duration::from_millis(3_999)), None);
        let recovery = Recovery { failures: 2, lasted: Duration::from_secs(3) };
        assert_eq!(backoff.accepted(start + Duration::from_secs(4)), Some(recovery));
        assert_eq!(backoff.accepted(start + Duration::from_secs(9)), None);
        assert_eq!(
            backoff.next(&too_many_files(), start + Duration::from_secs(9)),
            pause(10, true)
        );
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_ends_nothing() {
        let now = Instant::now() + LONGEST;
        let mut backoff = Backoff::default();
        backoff.next(&too_many_files(), now);
        assert_eq!(backoff.accepted(now - LONGEST), None);
    }
}
