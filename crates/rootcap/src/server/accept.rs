//! The accept loop of one listener.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    os::fd::AsRawFd,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rootcap_layers::Peer;
use tokio::{
    net::{TcpStream, UnixStream},
    sync::watch,
};
use tonic::transport::server::TcpConnectInfo;

use super::{
    backoff::{Backoff, Decision},
    bound::{Bound, Incoming},
    connection::{self, CloseReason, ConnectInfo, ConnectionSettings},
    connections::{Alive, Connections, Registered},
    listen::canonical,
    open_files::OpenFiles,
    refusals::Refusals,
    secured,
};
use crate::{
    bounds::App,
    lifecycle::{Listening, Phase},
    metrics,
    stack::Stack,
    tls::Tls,
};

/// What the accept loops of a server share.
pub(crate) struct Acceptor<A: App> {
    pub(crate) stack: Stack<A>,
    pub(crate) settings: Arc<ConnectionSettings>,
    /// Of the TCP listeners.
    pub(crate) tls: Option<Tls>,
    pub(crate) misdirected: Arc<Misdirected>,
    pub(crate) max_connections: usize,
    pub(crate) open_files: OpenFiles,
    pub(crate) connections: Connections,
    pub(crate) life: watch::Receiver<Phase>,
    pub(crate) listening: Listening,
    pub(crate) alive: Alive,
}

impl<A: App> Clone for Acceptor<A> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
            settings: Arc::clone(&self.settings),
            tls: self.tls.clone(),
            misdirected: Arc::clone(&self.misdirected),
            max_connections: self.max_connections,
            open_files: self.open_files,
            connections: self.connections.clone(),
            life: self.life.clone(),
            listening: self.listening.clone(),
            alive: self.alive.clone(),
        }
    }
}

/// Connections over TLS to a port without.
#[derive(Debug, Default)]
pub(crate) struct Misdirected(Mutex<Refusals>);

impl Misdirected {
    fn tell(&self, peer: &str) {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner).refused(Instant::now());
        if let Some(failed) = failed {
            tracing::warn!(
                peer.address = peer,
                failed,
                "a peer speaks TLS, but this port has none (setting tls.cert)"
            );
        }
    }
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepted {
    Serving,
    /// Closed at once; the value of the label `reason`.
    Refused(&'static str),
}

impl<A: App> Acceptor<A> {
    /// Accepts connections until the server drains, and serves each on a task of its own.
    ///
    /// Who had connected by then is served too, and asked to go: the system would reset them with the listener, and a
    /// client that is not even greeted fails the calls that wait for the connection.
    pub(crate) async fn run(mut self, listener: Bound) {
        let mut refusals = Refusals::default();
        let mut life = self.life.clone();
        tokio::select! {
            _ = life.wait_for(|phase| *phase >= Phase::Closing) => {}
            never = self.accept_all(&listener, &mut refusals) => match never {},
        }
        if let Err(error) = listener.close(|incoming| self.serve_incoming(incoming, &mut refusals))
        {
            tracing::warn!(%error, "a listener was closed with the connections that it had not accepted");
        }
    }

    /// Cancel safe: accepting is.
    async fn accept_all(&mut self, listener: &Bound, refusals: &mut Refusals) -> Infallible {
        let mut backoff = Backoff::default();
        loop {
            match listener.accept().await {
                Ok(incoming) => {
                    self.serve_incoming(incoming, refusals);
                    recovered(&mut backoff);
                }
                Err(error) => failed(&mut backoff, &error).await,
            }
        }
    }

    fn serve_incoming(&self, incoming: Incoming, refusals: &mut Refusals) {
        let accepted = match incoming {
            Incoming::Tcp(stream, address) => self.serve_tcp(stream, canonical(address)),
            Incoming::Unix(stream) => self.serve_unix(stream),
        };
        if let Accepted::Refused(reason) = accepted {
            self.tell(refusals, reason);
        }
    }

    fn serve_unix(&self, stream: UnixStream) -> Accepted {
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let name = peer.map_or("unix".to_owned(), |pid| format!("unix:pid={pid}"));
        self.serve(stream, Peer::local(name), |stream, registered| {
            let (stack, settings) = self.parts_for(&registered);
            connection::drive(stream, stack, None, registered, settings, self.life.clone())
        })
    }

    fn serve_tcp(&self, stream: TcpStream, address: SocketAddr) -> Accepted {
        // Without it, the last small segment of a response may wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let (peer, info) = (Peer::new(address), connect_info(&stream, address));
        match self.tls.clone() {
            None => self.serve(stream, peer, |stream, registered| {
                let (stack, settings) = self.parts_for(&registered);
                let info = Some(ConnectInfo::Tcp(info));
                connection::drive(stream, stack, info, registered, settings, self.life.clone())
            }),
            Some(tls) => self.serve(stream, peer, |stream, registered| {
                let (stack, settings) = self.parts_for(&registered);
                let life = self.life.clone();
                secured::drive(stream, tls, stack, info, registered, settings, life)
            }),
        }
    }

    /// Drives a connection on a task of its own, unless it is one too many.
    fn serve<IO, F>(&self, io: IO, peer: Peer, drive: impl FnOnce(IO, Registered) -> F) -> Accepted
    where
        IO: AsRawFd,
        F: Future<Output = CloseReason> + Send + 'static,
    {
        let registered = match self.register(&io, Arc::new(peer)) {
            Ok(registered) => registered,
            Err(reason) => {
                metrics::connections_refused_total(reason).increment(1);
                return Accepted::Refused(reason);
            }
        };
        metrics::connections_accepted_total().increment(1);
        let connection = Arc::clone(&registered.connection);
        let (driven, misdirected) = (drive(io, registered), Arc::clone(&self.misdirected));
        tokio::spawn(async move {
            let reason = driven.await;
            if reason == CloseReason::TlsToPlaintext {
                misdirected.tell(connection.peer().as_str());
            }
            metrics::connections_closed_total(reason.as_str()).increment(1);
            metrics::connection_writes_total().increment(connection.io.writes());
            metrics::connection_writes_held_total().increment(connection.io.held());
        });
        Accepted::Serving
    }

    fn parts_for(&self, registered: &Registered) -> (Stack<A>, Arc<ConnectionSettings>) {
        let peer = Arc::clone(registered.connection.peer());
        (self.stack.clone().peer(peer), Arc::clone(&self.settings))
    }

    /// Puts a connection into the table, or says why there is no room for it.
    fn register(&self, io: &impl AsRawFd, peer: Arc<Peer>) -> Result<Registered, &'static str> {
        if !self.open_files.allow(io) {
            return Err("open_files");
        }
        let registered = self.connections.register(peer, self.alive.clone(), self.max_connections);
        registered.ok_or("max_connections")
    }

    fn tell(&self, refusals: &mut Refusals, reason: &'static str) {
        if let Some(refused) = refusals.refused(Instant::now()) {
            let max = self.max_connections;
            tracing::warn!(refused, reason, max, "too many connections: closing new ones at once");
        }
    }
}

/// What tonic's `Request::remote_addr` and `local_addr` answer.
fn connect_info(stream: &TcpStream, remote: SocketAddr) -> TcpConnectInfo {
    let local_addr = stream.local_addr().ok().map(canonical);
    TcpConnectInfo { local_addr, remote_addr: Some(remote) }
}

fn recovered(backoff: &mut Backoff) {
    if let Some(recovery) = backoff.accepted(Instant::now()) {
        tracing::info!(failures = recovery.failures, lasted = ?recovery.lasted, "accepting connections again");
    }
}

/// Waits as long as the failure asks for.
async fn failed(backoff: &mut Backoff, error: &io::Error) {
    metrics::accept_errors_total().increment(1);
    if let Decision::Pause { delay, begins } = backoff.next(error, Instant::now()) {
        if begins {
            tracing::error!(%error, "cannot accept connections, trying again until it works");
        }
        tokio::time::sleep(delay).await;
    }
}

#[cfg(test)]
mod tests;
