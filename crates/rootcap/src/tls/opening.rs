//! The socket under a TLS session: it remembers the peer's first bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::pass_on::pass_writes_on;

/// A connection over TLS.
pub(crate) type TlsStream<IO> = tokio_rustls::server::TlsStream<Opening<IO>>;

/// As much as tells one protocol from another.
const REMEMBERED: usize = 8;

/// A transport that remembers the first bytes that were read from it.
#[derive(Debug)]
pub(crate) struct Opening<IO> {
    io: IO,
    bytes: [u8; REMEMBERED],
    length: usize,
}

impl<IO> Opening<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self { io, bytes: [0; REMEMBERED], length: 0 }
    }

    /// The first bytes that were read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn remember(&mut self, read: &[u8]) {
        let room = &mut self.bytes[self.length..];
        let length = room.len().min(read.len());
        room[..length].copy_from_slice(&read[..length]);
        self.length += length;
    }
}

/// Makes `TlsStream` give a [`TlsConnectInfo`](tonic::transport::server::TlsConnectInfo), which has no constructor;
/// the addresses are put in by who knows them.
impl<IO> Connected for Opening<IO> {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo { local_addr: None, remote_addr: None }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Opening<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if self.length < REMEMBERED {
            self.remember(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

pass_writes_on!(Opening);
