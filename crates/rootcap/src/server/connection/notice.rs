//! A first GOAWAY, which goes out before the HTTP/2 library's own.
//!
//! The library sends its first GOAWAY together with a ping, and refuses new calls from the answer on. A client may
//! answer the ping before it sends what it had begun by then (grpc-core does), and what it sends of such a call, a
//! WINDOW_UPDATE, is an error of the whole connection to h2 0.4.20, which ends the calls that were to finish. So the
//! client is told a moment before, when nothing is refused yet.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use crate::pass_on::pass_reads_on;

/// GOAWAY, with the greatest stream there is and no error (RFC 9113, 6.8).
const GO_AWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

/// Asks for the notice.
#[derive(Debug, Clone, Default)]
pub(super) struct Notice(Arc<AtomicBool>);

impl Notice {
    /// Has the notice sent when the connection is next polled.
    pub(super) fn give(&self) {
        self.0.store(true, Relaxed);
    }
}

/// What is written to a connection, with the notice between two frames.
#[derive(Debug)]
pub(super) struct Noticed<IO> {
    io: IO,
    notice: Notice,
    /// What is still to be written of it.
    rest: &'static [u8],
}

impl<IO> Noticed<IO> {
    pub(super) fn new(io: IO, notice: Notice) -> Self {
        Self { io, notice, rest: &[] }
    }
}

impl<IO: AsyncWrite + Unpin> Noticed<IO> {
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, self.rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.rest = &self.rest[written..],
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Noticed<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// h2 flushes when it has written all of its frames: this is between two.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.notice.0.load(Relaxed) {
            self.notice.0.store(false, Relaxed);
            self.rest = GO_AWAY;
        }
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_rest(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

pass_reads_on!(Noticed);

#[cfg(test)]
mod tests;
