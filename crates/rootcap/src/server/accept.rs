//! The accept loop of one listener.

use std::{
    convert::Infallible, future::Future, io, net::SocketAddr, os::fd::AsRawFd, sync::Arc,
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
    caps::{Caps, Place, Refusal},
    connection::{self, CloseReason, ConnectInfo, ConnectionSettings},
    connections::{Alive, Connections, Registered},
    listen::canonical,
    open_files::OpenFiles,
    secured,
    tcp_info::Socket,
    told::Told,
};
use crate::{
    bounds::App,
    lifecycle::{Listening, Phase},
    metrics,
    stack::Stack,
    tls::Tls,
};

/// What the connections of a place are served with.
#[derive(Clone)]
pub(crate) struct Serving<A: App> {
    pub(crate) stack: Stack<A>,
    pub(crate) settings: Arc<ConnectionSettings>,
}

/// What the accept loops of a server share.
pub(crate) struct Acceptor<A: App> {
    pub(crate) serving: Serving<A>,
    /// For connections beyond the cap.
    pub(crate) health_only: Serving<A>,
    /// Of the TCP listeners.
    pub(crate) tls: Option<Tls>,
    pub(crate) told: Arc<Told>,
    pub(crate) caps: Caps,
    pub(crate) open_files: OpenFiles,
    pub(crate) connections: Connections,
    pub(crate) life: watch::Receiver<Phase>,
    pub(crate) listening: Listening,
    pub(crate) alive: Alive,
}

impl<A: App> Clone for Acceptor<A> {
    fn clone(&self) -> Self {
        Self {
            serving: self.serving.clone(),
            health_only: self.health_only.clone(),
            tls: self.tls.clone(),
            told: Arc::clone(&self.told),
            caps: self.caps,
            open_files: self.open_files,
            connections: self.connections.clone(),
            life: self.life.clone(),
            listening: self.listening.clone(),
            alive: self.alive.clone(),
        }
    }
}

impl<A: App> Acceptor<A> {
    /// Accepts connections until the server drains, and serves each on a task of its own.
    ///
    /// Who had connected by then is served too, and asked to go: the system would reset them with the listener, and a
    /// client that is not even greeted fails the calls that wait for the connection.
    pub(crate) async fn run(mut self, listener: Bound) {
        let mut life = self.life.clone();
        tokio::select! {
            _ = life.wait_for(|phase| *phase >= Phase::Closing) => {}
            never = self.accept_all(&listener) => match never {},
        }
        if let Err(error) = listener.close(|incoming| self.serve_incoming(incoming)) {
            tracing::warn!(%error, "a listener was closed with the connections that it had not accepted");
        }
    }

    /// Cancel safe: accepting is.
    async fn accept_all(&mut self, listener: &Bound) -> Infallible {
        let mut backoff = Backoff::default();
        loop {
            match listener.accept().await {
                Ok(incoming) => {
                    self.serve_incoming(incoming);
                    recovered(&mut backoff);
                }
                Err(error) => failed(&mut backoff, &error).await,
            }
        }
    }

    fn serve_incoming(&self, incoming: Incoming) {
        match incoming {
            Incoming::Tcp(stream, address) => self.serve_tcp(stream, canonical(address)),
            Incoming::Unix(stream) => self.serve_unix(stream),
        }
    }

    fn serve_unix(&self, stream: UnixStream) {
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let name = peer.map_or("unix".to_owned(), |pid| format!("unix:pid={pid}"));
        self.serve(stream, Peer::local(name), |stream, registered| {
            let (stack, settings) = self.parts_for(&registered);
            connection::drive(stream, stack, None, registered, settings, self.life.clone())
        })
    }

    fn serve_tcp(&self, stream: TcpStream, address: SocketAddr) {
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
    fn serve<IO, F>(&self, io: IO, peer: Peer, drive: impl FnOnce(IO, Registered) -> F)
    where
        IO: AsRawFd,
        F: Future<Output = CloseReason> + Send + 'static,
    {
        let peer = Arc::new(peer);
        let registered = match self.register(&io, Arc::clone(&peer)) {
            Ok(registered) => registered,
            Err(refusal) => {
                metrics::connections_refused_total(refusal.as_str()).increment(1);
                return self.told.refused(peer.as_str(), refusal, self.caps);
            }
        };
        metrics::connections_accepted_total().increment(1);
        let connection = Arc::clone(&registered.connection);
        if connection.place == Place::Health {
            metrics::connections_health_only_total().increment(1);
            self.told.health_only(peer.as_str(), self.caps);
        }
        // In a box: a future that another one waits for takes its room twice, and most connections wait most of the time.
        let (driven, told) = (Box::pin(drive(io, registered)), Arc::clone(&self.told));
        tokio::spawn(async move {
            let reason = driven.await;
            told.closed(&connection, reason);
            metrics::connections_closed_total(reason.as_str()).increment(1);
            metrics::connection_writes_total().increment(connection.io.writes());
            metrics::connection_writes_held_total().increment(connection.io.held());
        });
    }

    fn parts_for(&self, registered: &Registered) -> (Stack<A>, Arc<ConnectionSettings>) {
        let Serving { stack, settings } = match registered.connection.place {
            Place::Any => &self.serving,
            Place::Health => &self.health_only,
        };
        (stack.clone().peer(Arc::clone(registered.connection.peer())), Arc::clone(settings))
    }

    /// Puts a connection into the table, unless there is no room for it.
    fn register(&self, io: &impl AsRawFd, peer: Arc<Peer>) -> Result<Registered, Refusal> {
        if !self.open_files.allow(io) {
            return Err(Refusal::OpenFiles);
        }
        let registered = self.connections.register(peer, self.alive.clone(), self.caps)?;
        registered.connection.is_of(Socket::of(io));
        Ok(registered)
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
