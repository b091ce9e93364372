//! What is counted of one connection's bytes, and how many of its calls are open.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Duration;

use tokio::time::Instant;

use super::burst::Burst;

/// The counters of one connection.
///
/// The connection's task writes them, its calls keep [`open_calls`](Self::open_calls), and the table of connections
/// reads them. Nearly every access is relaxed: each counter stands for itself, and nothing else is published through it.
#[derive(Debug)]
pub(crate) struct IoStats {
    born: Instant,
    // Nanoseconds after `born`.
    last_read: AtomicU64,
    last_write: AtomicU64,
    last_call: AtomicU64,
    last_poll: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    writes: AtomicU64,
    held: AtomicU64,
    pings: AtomicU64,
    excess_pings: AtomicU64,
    open_calls: AtomicUsize,
    write_through: AtomicBool,
    pub(super) burst: Burst,
}

impl Default for IoStats {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            last_read: AtomicU64::new(0),
            last_write: AtomicU64::new(0),
            last_call: AtomicU64::new(0),
            last_poll: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            held: AtomicU64::new(0),
            pings: AtomicU64::new(0),
            excess_pings: AtomicU64::new(0),
            open_calls: AtomicUsize::new(0),
            write_through: AtomicBool::new(false),
            burst: Burst::default(),
        }
    }
}

impl IoStats {
    /// When bytes last went in either direction.
    pub(crate) fn last_activity(&self) -> Instant {
        self.instant(&self.last_read).max(self.last_write())
    }

    /// When the transport, or the socket under it, last accepted bytes for the peer.
    pub(crate) fn last_write(&self) -> Instant {
        self.instant(&self.last_write)
    }

    /// When the last of the open calls ended; the beginning of the connection before the first one.
    pub(crate) fn last_call(&self) -> Instant {
        self.instant(&self.last_call)
    }

    /// When the connection was last polled.
    pub(super) fn last_poll(&self) -> Instant {
        self.instant(&self.last_poll)
    }

    /// The connection is about to be polled.
    pub(super) fn begin_poll(&self) {
        self.set_to_now(&self.last_poll);
    }

    fn instant(&self, time: &AtomicU64) -> Instant {
        self.born + Duration::from_nanos(time.load(Relaxed))
    }

    fn set_to_now(&self, time: &AtomicU64) {
        self.set(time, Instant::now());
    }

    fn set(&self, time: &AtomicU64, to: Instant) {
        time.store(to.saturating_duration_since(self.born).as_nanos() as u64, Relaxed);
    }

    /// Bytes of HTTP/2 read from the peer: over TLS, as they were before they were encrypted.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    /// Bytes of HTTP/2 that the transport has accepted for the peer: over TLS, before they are encrypted.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Relaxed)
    }

    /// Writes that the transport has accepted, in whole or in part.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Relaxed)
    }

    /// Writes that were told to wait for one trip through the run queue.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Pings of the peer.
    pub(crate) fn pings(&self) -> u64 {
        self.pings.load(Relaxed)
    }

    /// Those of them that came too often.
    pub(crate) fn excess_pings(&self) -> u64 {
        self.excess_pings.load(Relaxed)
    }

    /// Calls that have begun on this connection and have not ended.
    pub(crate) fn open_calls(&self) -> usize {
        self.open_calls.load(SeqCst)
    }

    /// Whether [`write_through`](Self::write_through) was called.
    pub(crate) fn writes_through(&self) -> bool {
        self.write_through.load(Relaxed)
    }

    /// Counts a call as open until the returned guard is dropped.
    pub(crate) fn open_call(self: &Arc<Self>) -> CallCount {
        self.open_calls.fetch_add(1, Relaxed);
        CallCount { stats: Arc::clone(self), ended: None }
    }

    /// From now on no write waits for others.
    ///
    /// For a driver that is about to poll its connection for the last time: what that poll writes, a GOAWAY above all,
    /// must not be left for a next poll that never comes.
    pub(crate) fn write_through(&self) {
        self.write_through.store(true, Relaxed);
    }

    pub(super) fn count_read(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
        self.set_to_now(&self.last_read);
    }

    pub(super) fn count_pings(&self, pings: u64, excess: u64) {
        self.pings.fetch_add(pings, Relaxed);
        self.excess_pings.fetch_add(excess, Relaxed);
    }

    /// The socket under the transport has accepted bytes for the peer.
    pub(super) fn progress(&self) {
        self.set_to_now(&self.last_write);
    }

    pub(super) fn count_write(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
        self.writes.fetch_add(1, Relaxed);
        self.set_to_now(&self.last_write);
    }

    pub(super) fn count_held(&self) {
        self.held.fetch_add(1, Relaxed);
    }
}

/// One open call, as a number; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the call counts as open only while this lives"]
pub(crate) struct CallCount {
    stats: Arc<IoStats>,
    /// `None` is now.
    ended: Option<Instant>,
}

impl CallCount {
    /// Ends the call, which knows when it ended: the clock is not asked once more.
    pub(super) fn end_at(mut self, ended: Option<Instant>) {
        self.ended = ended;
    }

    fn note(&self) {
        let last_call = &self.stats.last_call;
        match self.ended {
            Some(ended) => self.stats.set(last_call, ended),
            None => self.stats.set_to_now(last_call),
        }
    }
}

impl Drop for CallCount {
    fn drop(&mut self) {
        // Noted before: nobody may see that no call is open and take the last one for an old one.
        let is_alone = self.stats.open_calls() == 1;
        if is_alone {
            self.note();
        }
        // Or it has become the last one meanwhile.
        if self.stats.open_calls.fetch_sub(1, SeqCst) == 1 && !is_alone {
            self.note();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_open_until_its_guard_is_dropped() {
        let stats = Arc::new(IoStats::default());
        let first = stats.open_call();
        let second = stats.open_call();
        assert_eq!(stats.open_calls(), 2);
        drop(first);
        assert_eq!(stats.open_calls(), 1);
        drop(second);
        assert_eq!(stats.open_calls(), 0);
    }
}
