//! A socket that does what a test tells it to.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A peer's receive buffer, and what has arrived from it; like a real one it wakes who had to wait.
#[derive(Debug)]
pub(super) struct Socket {
    /// How many bytes still fit.
    pub(super) room: usize,
    /// The most that one write takes.
    pub(super) at_most: usize,
    /// All bytes taken, in order.
    pub(super) taken: Vec<u8>,
    /// Calls of `poll_write` and `poll_write_vectored`, whatever became of them.
    pub(super) reached: usize,
    pub(super) is_broken: bool,
    pub(super) is_shut: bool,
    pub(super) is_plain: bool,
    readable: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            room: usize::MAX / 2,
            at_most: usize::MAX,
            taken: Vec::new(),
            reached: 0,
            is_broken: false,
            is_shut: false,
            is_plain: false,
            readable: 0,
            reader: None,
            writer: None,
        }
    }
}

impl Socket {
    pub(super) fn make_room(&mut self, bytes: usize) {
        self.room += bytes;
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    pub(super) fn make_readable(&mut self, bytes: usize) {
        self.readable += bytes;
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    /// From now on nothing can be written; like a real one, it wakes whoever waits for it.
    pub(super) fn fail(&mut self) {
        self.is_broken = true;
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = self.readable.min(buf.remaining());
        if n == 0 {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.readable -= n;
        buf.put_slice(&vec![0; n]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.reached += 1;
        if self.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = buf.len().min(self.room).min(self.at_most);
        if n == 0 && !buf.is_empty() {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.room -= n;
        self.taken.extend_from_slice(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        self.poll_write(cx, &all)
    }

    fn is_write_vectored(&self) -> bool {
        !self.is_plain
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}
