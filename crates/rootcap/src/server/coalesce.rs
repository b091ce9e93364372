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
//! - **A held write has taken no byte**: a flush or a shutdown has nothing to wait for, and a connection dropped while a
//!   write is held loses what it would have lost to a full socket. Who has only one poll left calls
//!   [`IoStats::write_through`] first.
//! - **A lone call does not wait**: a write is held only while two or more calls are open.
//! - **Nor does a large response**: a write of [`LARGE`] bytes or more goes out, and so does one that had to wait for the
//!   socket already.
//!
//! h2 writes and flushes each DATA frame of some length by itself, before it looks for the next, and flushes once more
//! when there is none. So a frame that comes in slices, its head and its payload, is copied, and the flush behind it
//! passes: what follows it, to the flush that comes without a frame, leaves in the same write ([`Joined`]). Should that
//! flush not come, whoever drives the connection polls it once more: see [`Burst`].
//!
//! [`Burst`]: super::burst::Burst

mod gate;
mod joined;
#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::gate::{Gate, Turn};
use self::joined::Joined;
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
    joined: Joined,
    pings: Pings,
    strikes: Strikes,
}

impl<IO> Coalesce<IO> {
    /// Wraps `io`, which counts into `stats` and holds writes by the number of calls open there.
    pub(crate) fn new(io: IO, stats: Arc<IoStats>, mode: CoalesceWrites) -> Self {
        let (gate, joined, pings, strikes) = Default::default();
        Self { io, stats, mode, gate, joined, pings, strikes }
    }

    /// So many pings have come together.
    fn count_pings(&mut self, pings: u32) {
        let (now, written) = (std::time::Instant::now(), self.stats.bytes_out());
        let excess = (0..pings).filter(|_| self.strikes.ping(now, written)).count() as u64;
        self.stats.count_pings(pings.into(), excess);
        metrics::connection_pings_total().increment(pings.into());
        metrics::connection_excess_pings_total().increment(excess);
    }

    /// Whether writes may wait for others at all.
    fn coalesces(&self) -> bool {
        self.mode == CoalesceWrites::On && !self.stats.writes_through()
    }

    /// Ready when a write of `size` bytes has its turn.
    fn poll_turn(&mut self, cx: &mut Context<'_>, size: usize) -> Poll<()> {
        let coalesces = self.coalesces();
        let Self { stats, gate, .. } = self;
        if coalesces && stats.burst.lasts() {
            // Whoever drives the connection comes back when the burst is over: nobody has to be woken.
            if gate.wait() {
                stats.count_held();
            }
            return Poll::Pending;
        }
        let others_may_join = || coalesces && stats.open_calls() >= CROWD && size < LARGE;
        if gate.write(others_may_join) == Turn::Hold {
            stats.count_held();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl<IO: AsyncWrite + Unpin> Coalesce<IO> {
    /// Writes the slices in their turn, alone or behind what they join.
    fn poll_write_slices(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = bufs.iter().map(|buf| buf.len()).sum();
        ready!(self.poll_turn(cx, size));
        let joins = self.coalesces() && size < LARGE;
        if !(joins && self.joined.has_room_for(size)) {
            ready!(self.poll_send_joined(cx))?;
        }
        let expects_more = bufs.len() > 1;
        if joins && (expects_more || !self.joined.is_empty()) {
            self.joined.take(bufs, size, expects_more);
            self.stats.burst.set_joins(true);
            return Poll::Ready(Ok(size));
        }
        let result = match bufs {
            [buf] => Pin::new(&mut self.io).poll_write(cx, buf),
            _ => Pin::new(&mut self.io).poll_write_vectored(cx, bufs),
        };
        match &result {
            Poll::Ready(Ok(bytes)) => self.stats.count_write(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.gate.write_blocked(),
        }
        result
    }

    fn poll_send_joined(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.joined.poll_send(&mut self.io, &self.stats, cx);
        if sent.is_pending() {
            self.gate.write_blocked();
        }
        sent
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
        self.poll_write_slices(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_slices(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.joined.waits_past_this_flush() && self.coalesces() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send_joined(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_joined(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
