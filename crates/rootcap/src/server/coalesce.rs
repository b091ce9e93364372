//! Write coalescing: responses that finish together leave in one write.
//!
//! A call that finishes wakes its connection's task, and tokio runs a task that was just woken next: the connection
//! would write that one response before the calls behind it have run. [`Coalesce`] lets the first write of a burst wait
//! for *one trip through the run queue*. It wakes the task and answers `Pending`; a task that is woken while it runs
//! goes to the back of the queue, in both of tokio's schedulers, and is woken by nothing else meanwhile, because it
//! already is. When it runs again, all that was runnable before has run, and one write carries what came of it.
//!
//! While calls are answered within a poll of their connection, all writes are held, to its end: see [`Burst`]. What
//! follows is said of all other writes.
//!
//! What a caller may rely on:
//! - **No wake-up is lost.** A write that is held has woken the task that asked for it, so it is asked for again without
//!   any help from outside; and the next write goes out, whatever was read, flushed or asked for in between.
//! - **Nothing is buffered here.** A held write has taken no byte: a flush or a shutdown has nothing to wait for and goes
//!   straight through, and a connection dropped while a write is held loses what it would have lost to a full socket.
//!   Who has only one poll left calls [`IoStats::write_through`] first.
//! - **A lone call does not wait**: a write is held only while two or more calls are open.
//! - **Nor does a large response**: a write of [`LARGE`] bytes or more goes out, and so does one that had to wait for the
//!   socket already.

//!
//! [`Burst`]: super::burst::Burst

mod gate;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::gate::{Gate, Turn};
use super::io_stats::IoStats;
use super::pings::{Pings, Strikes};
use crate::metrics;

/// A write of at least this many bytes is never held: it is worth a system call of its own.
///
/// Well above a burst's first response, which is a few hundred bytes for an ordinary unary call, and below the 16 KiB
/// of the smallest DATA frame that HTTP/2 lets a peer insist on, so that a large response is not held frame by frame.
const LARGE: usize = 8 * 1024;

/// Below this many open calls there is no other response that a write could wait for.
const CROWD: usize = 2;

/// Whether the writes of a connection are coalesced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CoalesceWrites {
    /// The first write of a burst waits for one trip through the run queue.
    #[default]
    On,
    /// Every write goes out at once.
    Off,
}

/// A transport whose writes are coalesced, and whose bytes and pings are counted.
#[derive(Debug)]
pub(crate) struct Coalesce<IO> {
    io: IO,
    stats: Arc<IoStats>,
    mode: CoalesceWrites,
    gate: Gate,
    pings: Pings,
    strikes: Strikes,
}

impl<IO> Coalesce<IO> {
    /// Wraps `io`, which counts into `stats` and holds writes by the number of calls open there.
    pub(crate) fn new(io: IO, stats: Arc<IoStats>, mode: CoalesceWrites) -> Self {
        let (gate, pings, strikes) = Default::default();
        Self { io, stats, mode, gate, pings, strikes }
    }

    /// So many pings have come together.
    fn count_pings(&mut self, pings: u32) {
        let (now, written) = (std::time::Instant::now(), self.stats.bytes_out());
        let excess = (0..pings).filter(|_| self.strikes.ping(now, written)).count() as u64;
        self.stats.count_pings(pings.into(), excess);
        metrics::connection_pings_total().increment(pings.into());
        metrics::connection_excess_pings_total().increment(excess);
    }

    /// Passes a write of `size()` bytes to the transport, unless it has to wait for its turn.
    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        size: impl FnOnce() -> usize,
        write: impl FnOnce(&mut IO, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Self { io, stats, mode, gate, .. } = self;
        let others_may_join = || {
            *mode == CoalesceWrites::On
                && stats.open_calls() >= CROWD
                && !stats.writes_through()
                && size() < LARGE
        };
        if *mode == CoalesceWrites::On && stats.burst.lasts() && !stats.writes_through() {
            // Whoever drives the connection comes back when the burst is over: nobody has to be woken.
            if gate.wait() {
                stats.count_held();
            }
            return Poll::Pending;
        }
        if gate.write(others_may_join) == Turn::Hold {
            stats.count_held();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let result = write(io, cx);
        match &result {
            Poll::Ready(Ok(bytes)) => stats.count_write(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => gate.write_blocked(),
        }
        result
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Coalesce<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if result.is_pending() {
            self.gate.read_pending();
        }
        ready!(result)?;
        let read = &buf.filled()[before..];
        self.stats.count_read(read.len());
        let pings = self.pings.read(read);
        if pings > 0 {
            self.count_pings(pings);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Coalesce<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, || buf.len(), |io, cx| Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = || bufs.iter().map(|buf| buf.len()).sum();
        self.poll_write_with(cx, size, |io, cx| Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
