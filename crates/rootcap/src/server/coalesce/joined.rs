//! [`Joined`]: frames that were taken, to leave in one write with those behind them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::IoStats;

/// How much is taken at most: below it, to copy a frame costs far less than the system call that it saves.
const MAX: usize = 16 * 1024;

/// What was taken and is not sent; an idle connection keeps no memory for it.
#[derive(Debug, Default)]
pub(super) struct Joined {
    bytes: Vec<u8>,
    sent: usize,
    /// The last write was one that others follow: the flush behind it is not the last one either.
    expects_more: bool,
}

impl Joined {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn has_room_for(&self, size: usize) -> bool {
        self.bytes.len() + size <= MAX
    }

    /// Takes a write of `size` bytes whole.
    pub(super) fn take(&mut self, bufs: &[IoSlice<'_>], size: usize, expects_more: bool) {
        self.bytes.reserve(size);
        bufs.iter().for_each(|buf| self.bytes.extend_from_slice(buf));
        self.expects_more = expects_more;
    }

    /// Whether a flush is the one that comes with a write, with another one to follow.
    pub(super) fn waits_past_this_flush(&mut self) -> bool {
        std::mem::take(&mut self.expects_more)
    }

    /// Sends all that was taken.
    pub(super) fn poll_send<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        stats: &IoStats,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        stats.burst.set_joins(false);
        while self.sent < self.bytes.len() {
            match ready!(Pin::new(&mut *io).poll_write(cx, &self.bytes[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => {
                    self.sent += written;
                    stats.count_write(written);
                }
            }
        }
        *self = Self::default();
        Poll::Ready(Ok(()))
    }
}
