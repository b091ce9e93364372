//! The handshake of one connection.

use std::{io, time::Instant};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Opening, Reason, Tls, TlsStream, linger::linger, metrics, reason::is_tls};

/// Why a connection over TLS did not come about. It has been counted and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Failed(Reason),
    /// The peer hung up before its first byte, as probes of a TCP port do: nothing has failed.
    Silent,
}

impl Tls {
    /// Does the server's part of a handshake, with the newest files; `peer` is its name for the log.
    ///
    /// A failure is counted and told. A handshake that is dropped is not.
    pub(crate) async fn handshake<IO>(&self, io: IO, peer: &str) -> Result<TlsStream<IO>, Refused>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let accept = self.acceptor().accept(Opening::new(io)).into_fallible();
        let reason = match tokio::time::timeout(self.handshake_timeout(), accept).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err((_, opening))) if opening.bytes().is_empty() => return Err(Refused::Silent),
            Ok(Err((error, opening))) => {
                let reason = Reason::of(&error, opening.bytes());
                self.failed(peer, reason, &error);
                // Nobody else understands the alert that it has been sent.
                if is_tls(opening.bytes()) {
                    linger(opening).await;
                }
                reason
            }
            Err(_) => {
                self.failed(peer, Reason::Timeout, &io::ErrorKind::TimedOut.into());
                Reason::Timeout
            }
        };
        Err(Refused::Failed(reason))
    }

    fn failed(&self, peer: &str, reason: Reason, error: &io::Error) {
        let port = self.port();
        metrics::handshake_failed(port, reason);
        let (port, reason) = (port.as_str(), reason.as_str());
        match self.refusals().refused(Instant::now()) {
            Some(failed) => {
                tracing::warn!(port, peer.address = peer, reason, %error, failed, "TLS handshake failed");
            }
            None => {
                tracing::debug!(port, peer.address = peer, reason, %error, "TLS handshake failed")
            }
        }
    }
}
