//! An IO wrapper that ends a connection whose reader has stopped reading.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Sleep, sleep};

use crate::pass_on::pass_reads_on;

/// Fails a write that has made no progress for a while.
#[derive(Debug)]
pub(super) struct StallTimeout<T> {
    io: T,
    limit: Duration,
    /// Runs only while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<T> StallTimeout<T> {
    /// Ends `io` with an error when a write waits for longer than `limit`.
    pub(super) fn new(io: T, limit: Duration) -> Self {
        Self { io, limit, waiting: None }
    }
}

impl<T: AsyncWrite + Unpin> StallTimeout<T> {
    /// Does one write operation under the limit.
    fn progress<R>(
        &mut self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(done) = operation(Pin::new(&mut self.io), cx) {
            self.waiting = None;
            return Poll::Ready(done);
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer has stopped reading")))
    }
}

pass_reads_on!(StallTimeout);

impl<T: AsyncWrite + Unpin> AsyncWrite for StallTimeout<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.progress(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.progress(cx, |io, cx| io.poll_write_vectored(cx, bufs))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress(cx, |io, cx| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress(cx, |io, cx| io.poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{Instant, timeout};

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_is_cut_after_the_limit() {
        let (near, _far) = duplex(8);
        let began = Instant::now();
        let error = StallTimeout::new(near, LIMIT).write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_reads_is_not_cut() {
        let (near, mut far) = duplex(8);
        let write = tokio::spawn(async move {
            let mut near = StallTimeout::new(near, LIMIT);
            near.write_all(&[0; 64]).await
        });
        let mut buf = [0; 8];
        for _ in 0..8 {
            tokio::time::advance(LIMIT - Duration::from_millis(10)).await;
            far.read_exact(&mut buf).await.unwrap();
        }
        write.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_to_read_is_not_a_stall() {
        let (near, _far) = duplex(8);
        let mut near = StallTimeout::new(near, LIMIT);
        assert!(timeout(LIMIT * 10, near.read_u8()).await.is_err());
        near.write_all(&[0; 8]).await.unwrap();
    }
}
