//! The accept loop of one listener.

use std::{
    io,
    net::{SocketAddr, SocketAddrV4},
    os::fd::AsRawFd,
    sync::Arc,
    time::Instant,
};

use rootcap_layers::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
};
use tonic::transport::server::TcpConnectInfo;

use super::{
    backoff::{Backoff, Decision},
    connection::{self, ConnectionSettings},
    connections::{Alive, Connections, Registered},
    listen::Bound,
    open_files::OpenFiles,
    refusals::Refusals,
};
use crate::{bounds::App, lifecycle::Phase, metrics, stack::Stack};

/// What the accept loops of a server share.
pub(crate) struct Acceptor<A: App> {
    pub(crate) stack: Stack<A>,
    pub(crate) settings: Arc<ConnectionSettings>,
    pub(crate) max_connections: usize,
    pub(crate) open_files: OpenFiles,
    pub(crate) connections: Connections,
    pub(crate) life: watch::Receiver<Phase>,
    pub(crate) alive: Alive,
}

impl<A: App> Clone for Acceptor<A> {
    fn clone(&self) -> Self {
        Self {
            stack: self.stack.clone(),
            settings: Arc::clone(&self.settings),
            max_connections: self.max_connections,
            open_files: self.open_files,
            connections: self.connections.clone(),
            life: self.life.clone(),
            alive: self.alive.clone(),
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
    pub(crate) async fn run(mut self, listener: Bound) {
        let (mut backoff, mut refusals) = (Backoff::default(), Refusals::default());
        let mut life = self.life.clone();
        loop {
            let accepted = tokio::select! {
                _ = life.wait_for(|phase| *phase >= Phase::Draining) => return,
                accepted = self.accept(&listener) => accepted,
            };
            match accepted {
                Ok(accepted) => {
                    recovered(&mut backoff);
                    if let Accepted::Refused(reason) = accepted {
                        self.tell(&mut refusals, reason);
                    }
                }
                Err(error) => tokio::select! {
                    _ = life.wait_for(|phase| *phase >= Phase::Draining) => return,
                    () = failed(&mut backoff, &error) => {}
                },
            }
        }
    }

    /// Cancel safe: accepting is.
    async fn accept(&mut self, listener: &Bound) -> io::Result<Accepted> {
        match listener {
            Bound::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Without it, the last small segment of a response may wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                let address = canonical(address);
                let info = connect_info(&stream, address);
                Ok(self.serve(stream, Peer::new(address), Some(info)))
            }
            Bound::Unix(_, listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
                let name = peer.map_or("unix".to_owned(), |pid| format!("unix:pid={pid}"));
                Ok(self.serve(stream, Peer::local(name), None))
            }
        }
    }

    fn serve<IO>(&self, io: IO, peer: Peer, info: Option<TcpConnectInfo>) -> Accepted
    where
        IO: AsyncRead + AsyncWrite + AsRawFd + Send + Unpin + 'static,
    {
        let registered = match self.register(&io, Arc::new(peer)) {
            Ok(registered) => registered,
            Err(reason) => {
                metrics::connections_refused_total(reason).increment(1);
                return Accepted::Refused(reason);
            }
        };
        metrics::connections_accepted_total().increment(1);
        let stack = self.stack.clone().peer(Arc::clone(&registered.connection.peer));
        let (settings, life) = (Arc::clone(&self.settings), self.life.clone());
        let stats = Arc::clone(&registered.connection.io);
        tokio::spawn(async move {
            let reason = connection::drive(io, stack, info, registered, settings, life).await;
            metrics::connections_closed_total(reason.as_str()).increment(1);
            metrics::connection_writes_total().increment(stats.writes());
            metrics::connection_writes_held_total().increment(stats.held());
        });
        Accepted::Serving
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

/// An address of IPv4 as such, where it came through a listener of IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddrV4::new(v4, v6.port()).into(),
            None => address,
        },
        SocketAddr::V4(_) => address,
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
