//! A connection over TLS: the handshake, then all that a connection without TLS is.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::{
    caps::Place,
    connection::{self, CloseReason, ConnectInfo, ConnectionSettings, given_up},
    connections::Registered,
    io_stats::IoStats,
};
use crate::{
    bounds::App,
    lifecycle::Phase,
    pass_on::pass_reads_on,
    stack::Stack,
    tls::{Reason, Refused, Tls, TlsStream, identity},
};

/// Serves one connection over TLS to its end; returns why it ended.
///
/// A drain waits for a handshake for a moment and no longer, as it does for a preface.
pub(super) async fn drive<IO, A: App>(
    io: IO,
    tls: Tls,
    stack: Stack<A>,
    info: TcpConnectInfo,
    registered: Registered,
    settings: Arc<ConnectionSettings>,
    mut life: watch::Receiver<Phase>,
) -> CloseReason
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = Progress { io, stats: Arc::clone(&registered.connection.io) };
    let close = |reason| {
        registered.connection.close(reason);
        reason
    };
    let secured = tokio::select! {
        () = given_up(&mut life) => return close(CloseReason::Drain),
        // One beyond the cap has less time than others, to the preface and to this.
        () = tokio::time::sleep(settings.limits.preface), if registered.connection.place == Place::Health => {
            return close(CloseReason::HandshakeTimeout);
        }
        // In boxes: the handshake ends long before the rest, and the stream is large and would be kept room for thrice.
        secured = Box::pin(tls.handshake(io, registered.connection.peer().as_str())) => secured.map(Box::new),
    };
    match secured {
        Ok(stream) => {
            let info = Some(ConnectInfo::Tls(connect_info(&stream, info)));
            let stack = match identity::proved_on(&stream) {
                Some(identity) => stack.peer(registered.connection.prove(identity)),
                None => stack,
            };
            connection::drive(stream, stack, info, registered, settings, life).await
        }
        Err(Refused::Silent) => CloseReason::Done,
        Err(Refused::Failed(Reason::Timeout)) => CloseReason::HandshakeTimeout,
        Err(Refused::Failed(_)) => CloseReason::HandshakeFailed,
    }
}

/// What tonic's `Request::peer_certs`, `remote_addr` and `local_addr` answer.
fn connect_info<IO>(stream: &TlsStream<IO>, addresses: TcpConnectInfo) -> connection::TlsInfo {
    let mut info = stream.connect_info();
    *info.get_mut() = addresses;
    info
}

/// The socket under TLS: what it takes is a sign that the peer still reads. TLS, which buffers, took it before.
struct Progress<IO> {
    io: IO,
    stats: Arc<IoStats>,
}

impl<IO> Progress<IO> {
    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let bytes = ready!(result)?;
        self.stats.progress();
        Poll::Ready(Ok(bytes))
    }
}

pass_reads_on!(Progress);

impl<IO: AsyncWrite + Unpin> AsyncWrite for Progress<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(result)
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
