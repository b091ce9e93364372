//! The server's end: everything between a listener and the service, with nothing but the socket left out.

use std::{convert::Infallible, sync::Arc};

use rootcap_layers::{Methods, Peer as PeerName};
use tokio::{io::DuplexStream, sync::mpsc, task::JoinHandle};
use tonic::transport::server::TcpConnectInfo;

use super::{
    super::{CloseReason, ConnectionSettings, drive},
    peer::Peer,
    service::Calls,
};
use crate::{
    bounds::App,
    config::Config,
    health::Health,
    lifecycle::{Life, Phase},
    server::{
        caps::Caps,
        connections::{Connection, Connections},
        executor::AtOnce,
        io_stats::IoStats,
        secured,
    },
    stack::{Layers, Stack},
    telemetry::logs::Logs,
    tls::Tls,
};

pub(super) struct Server<A: App = Calls> {
    pub(super) calls: Calls,
    pub(super) life: Life,
    pub(super) connections: Connections,
    pub(super) methods: Arc<Methods>,
    stack: Stack<A>,
    settings: Arc<ConnectionSettings>,
    alive: mpsc::Sender<Infallible>,
    gone: mpsc::Receiver<Infallible>,
}

const NO_CAPS: Caps = Caps { connections: usize::MAX, per_peer: None };

/// More than any test writes ahead.
const PIPE: usize = 1 << 20;

impl Server {
    /// With the default settings.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(change, |calls| calls)
    }
}

impl<A: App> Server<A> {
    /// With what `app` puts around the calls.
    pub(super) fn over(change: impl FnOnce(&mut Config), app: impl FnOnce(Calls) -> A) -> Self {
        let mut config = Config::default();
        config.log.calls = crate::config::LogCalls::Off;
        change(&mut config);
        let (health, calls) = (Health::new(), Calls::new());
        let methods = Arc::new(Methods::builder().service("test").build());
        let logs = Logs::install(&(&config.log).into()).unwrap();
        let layers = Layers::new(&config, &logs, Arc::clone(&methods), None);
        let life = Life::new(health.clone());
        life.advance(Phase::Serving);
        let (alive, gone) = mpsc::channel(1);
        // These tests are compiled twice.
        let at_once = match module_path!().contains("tests_at_once") {
            true => AtOnce::All,
            false => AtOnce::Short(config.connection.short_calls_at_once.unwrap()),
        };
        Self {
            stack: layers.around(app(calls.clone()), &health),
            settings: Arc::new(ConnectionSettings { at_once, ..ConnectionSettings::new(&config) }),
            connections: Connections::default(),
            calls,
            life,
            methods,
            alive,
            gone,
        }
    }

    /// A new connection, and what will tell why it ended.
    pub(super) fn accept(&self) -> (Peer, JoinHandle<CloseReason>) {
        self.accept_over(PIPE)
    }

    /// A new connection that holds `pipe` bytes in either direction.
    pub(super) fn accept_over(&self, pipe: usize) -> (Peer, JoinHandle<CloseReason>) {
        let (near, far) = tokio::io::duplex(pipe);
        let name = Arc::new(PeerName::local("test".to_owned()));
        let registered = self.connections.register(name, self.alive.clone(), NO_CAPS).unwrap();
        let settings = Arc::clone(&self.settings);
        let life = self.life.watch();
        (Peer(far), tokio::spawn(drive(near, self.stack.clone(), None, registered, settings, life)))
    }

    /// A new connection over TLS; the other end's handshake is up to the test.
    pub(super) fn accept_secured(
        &self,
        pipe: usize,
        tls: Tls,
    ) -> (DuplexStream, JoinHandle<CloseReason>) {
        let (near, far) = tokio::io::duplex(pipe);
        let name = Arc::new(PeerName::local("test".to_owned()));
        let registered = self.connections.register(name, self.alive.clone(), NO_CAPS).unwrap();
        let (stack, settings) = (self.stack.clone(), Arc::clone(&self.settings));
        let info = TcpConnectInfo { local_addr: None, remote_addr: None };
        let life = self.life.watch();
        let driven = secured::drive(near, tls, stack, info, registered, settings, life);
        (far, tokio::spawn(driven))
    }

    /// How many calls have ended with this code.
    pub(super) fn ended_as(&self, code: &str) -> u64 {
        let code = rootcap_layers::outcome::CODES
            .into_iter()
            .find(|&known| rootcap_layers::code_name(known) == code)
            .expect("a code");
        let methods = self.methods.all();
        methods.iter().map(|method| method.stats().snapshot().handled[code as usize]).sum()
    }

    pub(super) fn io(&self) -> Arc<IoStats> {
        Arc::clone(&self.connection().io)
    }

    /// The one connection.
    pub(super) fn connection(&self) -> Arc<Connection> {
        let mut all = self.connections.all();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// Waits until nothing of any connection or call is left.
    pub(super) async fn all_gone(self) {
        let Self { alive, mut gone, .. } = self;
        drop(alive);
        assert_eq!(gone.recv().await, None);
    }
}
