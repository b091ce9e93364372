//! Accepts admin connections and serves them: bounded in number, in time and in size.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rootcap_layers as layers;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::guard::Peer;
use super::slots::{Marker, Slot, Slots};
use super::spare::Spare;
use super::stall::StallTimeout;
use super::token::Token;
use crate::metrics;
use crate::server::backoff::{Backoff, Decision};
use crate::server::listen::canonical;
use crate::tls::{Tls, identity};

/// The largest head of a request; with a longer one the answer is 431.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most headers in one request.
const MAX_HEADERS: usize = 64;

/// The admin port's settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What guarded pages ask for; without it they are for local peers.
    pub(crate) token: Option<Token>,
    /// TLS of the port; without it the port speaks plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// The most connections at a time; one more takes the place of another.
    pub(crate) max_connections: usize,
    /// How long a request's head may take, from the opening of the connection, the end of its TLS
    /// handshake or the end of the request before: it bounds idle connections too.
    pub(crate) head_timeout: Duration,
    /// How long a response may wait for a peer that does not read.
    pub(crate) stall_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: None,
            tls: None,
            max_connections: 64,
            head_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// What the connections share.
pub(super) struct Server {
    /// Made for the first request.
    router: LazyLock<Router, Box<dyn FnOnce() -> Router + Send>>,
    tls: Option<Tls>,
    slots: Arc<Slots>,
    spare: Spare,
    head_timeout: Duration,
    stall_timeout: Duration,
}

impl Server {
    pub(super) fn new(
        router: impl FnOnce() -> Router + Send + 'static,
        settings: &Settings,
    ) -> Arc<Self> {
        let router: Box<dyn FnOnce() -> Router + Send> = Box::new(router);
        let router = LazyLock::new(router);
        let slots = Slots::new(settings.max_connections);
        let Settings { head_timeout, stall_timeout, .. } = *settings;
        let tls = settings.tls.clone();
        let spare = Spare::new();
        Arc::new(Self { router, tls, slots, spare, head_timeout, stall_timeout })
    }

    /// Accepts from `listener` for ever.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut backoff = Backoff::default();
        loop {
            let (io, peer) = accepted(&mut backoff, || self.spare.accept(&listener)).await;
            let peer = canonical(peer);
            let slot = self.slots.take(peer.ip());
            tokio::spawn(self.clone().serve(io, peer, slot));
        }
    }

    /// Serves one connection until its end, or until its place is needed.
    async fn serve(self: Arc<Self>, io: TcpStream, peer: SocketAddr, slot: Slot) {
        self.serve_in(io, peer, slot).await;
        self.spare.refill();
    }

    async fn serve_in(&self, io: TcpStream, peer: SocketAddr, mut slot: Slot) {
        // Without it a small answer may wait for the peer's delayed acknowledgement; answers are
        // whole when written, so there is nothing to gain by waiting.
        let _ = io.set_nodelay(true);
        let marker = slot.marker();
        let io = StallTimeout::new(io, self.stall_timeout);
        tokio::select! {
            () = self.converse(io, layers::Peer::new(peer), &marker) => {}
            () = slot.evicted() => tracing::debug!(peer.address = %peer, "an admin connection made room"),
        }
    }

    /// The handshake, where the port has TLS, and then HTTP. Until its first request, a connection
    /// is one that others may push out: handshakes take no places from those who ask for something.
    async fn converse<IO>(&self, io: IO, peer: layers::Peer, marker: &Marker)
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Some(tls) = &self.tls else {
            return self.http(io, peer, marker).await;
        };
        // A failure has been told and counted.
        let Ok(io) = tls.handshake(io, peer.as_str()).await else { return };
        let peer = match identity::proved_on(&io) {
            Some(identity) => peer.identity(identity),
            None => peer,
        };
        self.http(io, peer, marker).await;
    }

    async fn http<IO>(&self, io: IO, peer: layers::Peer, marker: &Marker)
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let peer = Peer(Arc::new(peer));
        let service = service_fn(|request| self.answer(request, peer.clone(), marker));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(io), service);
        if let Err(error) = connection.await {
            tracing::debug!(peer.address = peer.0.as_str(), %error, "an admin connection ended early");
        }
    }

    /// Answers one request; the connection is busy until the last byte of the answer is taken.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: Peer,
        marker: &Marker,
    ) -> Result<Response, Infallible> {
        let busy = marker.busy();
        request.extensions_mut().insert(peer);
        let response = Router::clone(&self.router).oneshot(request).await?;
        Ok(response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = &busy;
                frame
            }))
        }))
    }
}

/// The next connection. A failure to accept is waited out, longer each time, and said once.
async fn accepted<T, F>(backoff: &mut Backoff, accept: impl Fn() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    loop {
        match accept().await {
            Ok(connection) => {
                // The service port, which is as short of descriptors, tells of the recovery.
                backoff.accepted(Instant::now());
                return connection;
            }
            Err(error) => {
                metrics::admin_accept_errors_total().increment(1);
                if let Decision::Pause { delay, begins } = backoff.next(&error, Instant::now()) {
                    if begins {
                        tracing::warn!(%error, "the admin port cannot accept connections; trying on");
                    }
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn failing_accepts_are_waited_out_with_growing_pauses() {
        let tries = Cell::new(0);
        let accept = || {
            tries.set(tries.get() + 1);
            let done = if tries.get() > 20 { Ok("io") } else { Err(io::Error::other("no files")) };
            std::future::ready(done)
        };
        let began = Instant::now();
        assert_eq!(accepted(&mut Backoff::default(), accept).await, "io");
        // 10 + 20 + .. + 640 ms, and then 13 times the longest pause.
        assert_eq!(began.elapsed(), Duration::from_millis(1_270 + 13_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_left_is_no_reason_to_wait() {
        let tries = Cell::new(0);
        let accept = || {
            tries.set(tries.get() + 1);
            let left = io::Error::from(io::ErrorKind::ConnectionAborted);
            std::future::ready(if tries.get() > 3 { Ok(()) } else { Err(left) })
        };
        let began = Instant::now();
        accepted(&mut Backoff::default(), accept).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
