//! What becomes of a write on its way to the socket.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_rustls::TlsConnector;

use super::{
    pki::{Authority, localhost},
    *,
};

/// A socket that keeps the bytes of each write.
struct Socket {
    io: DuplexStream,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(buf.to_owned());
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(bufs.iter().flat_map(|buf| buf.to_vec()).collect());
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
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

/// How many records a write holds (RFC 8446, 5.1: five bytes of head, of which the last two are the length).
fn records(mut write: &[u8]) -> usize {
    let mut records = 0;
    while let [_, _, _, high, low, rest @ ..] = write {
        write = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
        records += 1;
    }
    records
}

/// What HTTP/2 hands over at once, heads and bodies of several answers, is one record and one system call.
#[tokio::test]
async fn a_vectored_write_is_one_record_and_one_write() {
    let authority = Authority::new();
    let tls = tls(&Directory::of(&authority.issue(1)));
    let (near, far) = tokio::io::duplex(1 << 20);
    let writes = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let socket = Socket { io: near, writes: Arc::clone(&writes) };
    let connector = TlsConnector::from(authority.client(None, &["h2"]));
    let (server, client) =
        tokio::join!(tls.handshake(socket, "test"), connector.connect(localhost(), far));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    assert!(server.is_write_vectored());
    writes.lock().unwrap().clear();

    let parts = [&b"head"[..], b"body", b"trailers"].map(IoSlice::new);
    assert_eq!(server.write_vectored(&parts).await.unwrap(), 16);
    server.flush().await.unwrap();
    {
        let writes = writes.lock().unwrap();
        assert_eq!((writes.len(), records(&writes[0])), (1, 1));
    }
    let mut read = [0; 16];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"headbodytrailers");
}
