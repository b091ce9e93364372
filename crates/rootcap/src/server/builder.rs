//! [`Server`] and its [`Builder`].

use std::{net::TcpListener as StdTcpListener, sync::Arc};

use rootcap_layers::Methods;
use tokio::sync::mpsc;

use super::{
    accept::Acceptor,
    connection::{ConnectionSettings, Limits},
    connections::Connections,
    layers::{Layers, NoLayers, Serve},
    listen::{self, Bound, LocalAddr},
    router::{IntoServices, Names, Router},
    running::Running,
};
use crate::{
    Error,
    config::{Config, Listener, Loaded},
    health::Health,
    lifecycle::{Life, Phase},
    stack,
};

/// Entry point: [`Server::builder`].
#[derive(Debug)]
pub struct Server;

impl Server {
    /// A builder whose settings are those of the file and the environment (see [`Config::load`]).
    ///
    /// A bad setting surfaces as the error of [`Builder::serve`] or [`Builder::start`].
    pub fn builder() -> Builder {
        Builder {
            settings: Config::load().map_err(Error::config),
            layers: NoLayers,
            descriptors: Vec::new(),
            listeners: Vec::new(),
            health: Health::new(),
        }
    }
}

/// Makes a server: settings, the user's layers, descriptors, listeners.
#[must_use = "a builder does nothing until `serve` or `start`"]
pub struct Builder<L = NoLayers> {
    settings: Result<Loaded, Error>,
    layers: L,
    descriptors: Vec<&'static [u8]>,
    listeners: Vec<StdTcpListener>,
    health: Health,
}

impl Builder<NoLayers> {
    /// Puts a layer around all services; of several, the first one is the outermost.
    ///
    /// It stands inside of the framework's own layers: what it rejects is observed, and it runs under the deadline
    /// and the panic guard. Any tower layer will do that works under tonic's own server.
    pub fn layer<N>(self, layer: N) -> Builder<Layers<N>> {
        self.with_layers(|none| none.and(layer))
    }
}

impl<N> Builder<Layers<N>> {
    /// Puts a layer inside of those that are there.
    pub fn layer<M>(self, layer: M) -> Builder<Layers<tower_layer::Stack<M, N>>> {
        self.with_layers(|layers| layers.and(layer))
    }
}

impl<L> Builder<L> {
    fn with_layers<M>(self, change: impl FnOnce(L) -> M) -> Builder<M> {
        Builder {
            settings: self.settings,
            layers: change(self.layers),
            descriptors: self.descriptors,
            listeners: self.listeners,
            health: self.health,
        }
    }

    /// Uses these settings, and neither file nor environment.
    pub fn config(mut self, config: Config) -> Self {
        let mut loaded = Loaded::default();
        self.settings = loaded.update(|settings| *settings = config).map(|()| loaded).map_err(Error::config);
        self
    }

    /// Changes settings in code, which counts more than file and environment.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.settings = self.settings.and_then(|mut loaded| {
            loaded.update(change).map_err(Error::config)?;
            Ok(loaded)
        });
        self
    }

    /// Adds an encoded `FileDescriptorSet`: its methods are known to metrics and logs by kind and from the start,
    /// and reflection serves it.
    pub fn descriptors(mut self, encoded: &'static [u8]) -> Self {
        self.descriptors.push(encoded);
        self
    }

    /// Serves on a listener that is bound already, in place of those of the setting `listen`.
    pub fn listener(mut self, listener: StdTcpListener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Uses this handle for the health of the services, so that the program can set it.
    pub fn health(mut self, health: Health) -> Self {
        self.health = health;
        self
    }
}
