//! [`Server`] and its [`Builder`].

use std::{collections::BTreeSet, net::TcpListener as StdTcpListener, sync::Arc};

use rootcap_layers::{Methods, MethodsBuilder, Origin, metrics::CallMetrics};
use tokio::sync::mpsc;

use super::{
    accept::Acceptor,
    connection::ConnectionSettings,
    connections::Connections,
    layers::{Layers, NoLayers, Serve},
    listen::{self, Bound},
    router::{Entry, IntoServices, Names, Router, Services},
    running::Running,
};
use crate::{
    Error,
    config::{Config, Listener, Loaded, Switch},
    descriptors,
    health::Health,
    lifecycle::{Life, Phase},
    reflection::{self, ReflectionV1, ReflectionV1Alpha},
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

impl<L> Builder<L> {
    /// Starts the server and returns a handle of it: binds first, so that nothing is half-started when an address
    /// cannot be had.
    ///
    /// Installs no signal handler and never ends the process.
    ///
    /// # Errors
    /// When a setting is wrong ([`Error::is_config`]), an address cannot be listened on ([`Error::is_bind`]), or a
    /// descriptor set is not valid.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and IO.
    pub async fn start<S>(self, services: S) -> Result<Running, Error>
    where
        S: IntoServices<List: Names>,
        L: Serve<WithReflection<S::List>>,
    {
        let loaded = self.settings?;
        let config = &loaded.config;
        let services = services.into_services();
        let methods = Arc::new(methods(config, &services, &self.descriptors)?);
        let services = with_reflection(services, &self.descriptors, config)?;

        let listeners = bind_all(self.listeners, &config.listen)?;
        let local = listeners.iter().map(Bound::local_addr).collect::<Result<Vec<_>, _>>();
        let local = local.map_err(|error| Error::bind("a listener", error))?;

        let life = Life::new(self.health.clone());
        let connections = Connections::default();
        let (alive, stopped) = mpsc::channel(1);
        let acceptor = Acceptor {
            stack: stack::Layers::new(config, (CallMetrics,), Arc::clone(&methods)).around(self.layers.app(Router::new(services)), &self.health),
            settings: Arc::new(ConnectionSettings::new(config)),
            max_connections: config.connection.max_connections,
            connections: connections.clone(),
            life: life.watch(),
            alive,
        };
        for listener in listeners {
            tokio::spawn(acceptor.clone().run(listener));
        }
        self.health.ready();
        life.advance(Phase::Serving);
        Ok(Running { local, admin: None, life, health: self.health, alive: stopped })
    }
}

/// A list of services with reflection in front, if it is on.
pub type WithReflection<L> = Entry<ReflectionV1, Entry<ReflectionV1Alpha, L>>;

fn with_reflection<L>(
    services: Services<L>,
    descriptors: &[&'static [u8]],
    config: &Config,
) -> Result<Services<WithReflection<L>>, Error> {
    let (mut v1, mut v1alpha) = (None, None);
    if config.service.reflection == Switch::On {
        v1 = Some(ReflectionV1::new(descriptors).map_err(Error::descriptors)?);
        v1alpha = Some(ReflectionV1Alpha::new(descriptors).map_err(Error::descriptors)?);
    }
    Ok(services.add_optional(v1alpha).add_optional(v1))
}

/// The table of methods: those of the descriptors, the framework's own, and what the services turn out to have.
fn methods<L: Names>(config: &Config, services: &Services<L>, sets: &[&'static [u8]]) -> Result<Methods, Error> {
    let mut served = BTreeSet::new();
    services.each_name(&mut |name| {
        served.insert(name);
    });
    let mut methods = Methods::builder().buckets(&config.metrics.buckets).cap(config.metrics.max_methods);
    for method in descriptors::methods(sets).map_err(Error::descriptors)? {
        // A set may hold more than is served here.
        if served.contains(method.service.as_str()) {
            methods = methods.method(&method.service, &method.method, method.kind, Origin::User);
        }
    }
    for method in descriptors::methods(&reflection::BUILTIN_SETS).expect("the framework's own descriptors are valid") {
        methods = methods.method(&method.service, &method.method, method.kind, Origin::Builtin);
    }
    Ok(served.into_iter().fold(methods, MethodsBuilder::service).build())
}

fn bind_all(handed_over: Vec<StdTcpListener>, settings: &[Listener]) -> Result<Vec<Bound>, Error> {
    if handed_over.is_empty() {
        return settings.iter().map(|listener| listen::bind("listen", listener)).collect();
    }
    let take_over = |listener: StdTcpListener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(Bound::Tcp)
    };
    let bound = handed_over.into_iter().map(take_over).collect::<Result<Vec<_>, _>>();
    bound.map_err(|error| Error::bind("a listener that was handed over", error))
}
