//! Waits for a peer's first bytes, before anything is made for it or said to it.
//!
//! - A connection that never says a word holds a socket and this task, and none of the library's buffers.
//! - HTTP/2 lets a server speak first, and the library does. A peer of HTTP/1 or TLS would take that for the answer to
//!   what it asked, and could then be told nothing. A client of HTTP/2 has to begin by itself (RFC 9113, 3.4).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::spoken::Spoken;
use crate::pass_on::pass_writes_on;

/// The length of the preface, which tells HTTP/2 from all else.
const FIRST: usize = 24;

/// A transport whose peer has begun to speak; what it said first is read from it again.
#[derive(Debug)]
pub(super) struct Begun<IO> {
    io: IO,
    first: [u8; FIRST],
    length: usize,
    /// How much of that was read again.
    again: usize,
}

impl<IO: AsyncRead + Unpin> Begun<IO> {
    /// Waits for the first bytes; `None` when the peer hangs up instead.
    pub(super) async fn wait(mut io: IO) -> io::Result<Option<Self>> {
        let mut first = [0; FIRST];
        let length = io.read(&mut first).await?;
        Ok((length > 0).then_some(Self { io, first, length, again: 0 }))
    }
}

impl<IO> Begun<IO> {
    /// What the peer speaks.
    pub(super) fn spoken(&self) -> Spoken {
        Spoken::of(&self.first[..self.length])
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Begun<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.again == self.length {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let rest = &self.first[self.again..self.length];
        let rest = &rest[..rest.len().min(buf.remaining())];
        buf.put_slice(rest);
        self.again += rest.len();
        Poll::Ready(Ok(()))
    }
}

pass_writes_on!(Begun);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_was_read_first_is_read_again_and_then_the_rest() {
        for first in [1, 23, 24, 25, 40] {
            let (near, mut far) = duplex(64);
            let said: Vec<u8> = (0..50).collect();
            far.write_all(&said[..first]).await.unwrap();
            let mut begun = Begun::wait(near).await.unwrap().unwrap();
            far.write_all(&said[first..]).await.unwrap();
            drop(far);
            let mut heard = vec![0; 10];
            begun.read_exact(&mut heard).await.unwrap();
            begun.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, said, "{first}");
        }
    }

    #[tokio::test]
    async fn who_hangs_up_without_a_word_has_not_begun() {
        let (near, far) = duplex(64);
        drop(far);
        assert!(Begun::wait(near).await.unwrap().is_none());
    }
}
