//! [`Server`] and its [`Builder`].

use std::{
    env, ffi::OsString, fmt, future::Future, net::TcpListener as StdTcpListener, pin::Pin,
    sync::Arc,
};

use opentelemetry::global::BoxedTracer;

use super::{
    command_line::{self, Asked},
    layers::{Layers, NoLayers, Serve},
    router::{IntoServices, Names},
    running::Running,
    served::WithReflection,
    start,
};
use crate::{
    BuildInfo, Error,
    config::{self, Config, Loaded},
    health::{Health, HealthCheck},
};

/// Entry point: [`Server::builder`].
///
/// ```
/// # use rootcap_proto::helloworld::greeter_server::{Greeter, GreeterServer};
/// # async fn serve(hello: impl Greeter) -> Result<(), rootcap::Error> {
/// rootcap::Server::builder().serve(GreeterServer::new(hello)).await
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Server;

impl Server {
    /// A builder whose settings are those of the file and the environment (see [`Config::load`]).
    ///
    /// A bad setting surfaces as the error of [`Builder::serve`] or [`Builder::start`].
    pub fn builder() -> Builder {
        Builder {
            settings: Config::load().map_err(Error::config),
            layers: NoLayers,
            parts: Parts::default(),
        }
    }
}

/// Makes a server: settings, the user's layers, descriptors, listeners.
///
/// ```
/// use std::time::Duration;
/// use rootcap::{Server, Services, health::Health};
///
/// # use rootcap_proto::helloworld::greeter_server::{Greeter, GreeterServer};
/// # async fn serve(hello: impl Greeter) -> Result<(), rootcap::Error> {
/// let health = Health::new();
/// Server::builder()
///     .command_line()
///     .build_info(rootcap::build_info!())
///     .descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
///     .configure(|config| config.deadline.max = Some(Duration::from_secs(30)))
///     .health(health.clone())
///     .on_start(|running| println!("{running}"))
///     .serve(Services::new(GreeterServer::new(hello)))
///     .await
/// # }
/// ```
#[must_use = "a builder does nothing until `serve` or `start`"]
pub struct Builder<L = NoLayers> {
    settings: Result<Loaded, Error>,
    layers: L,
    parts: Parts,
}

type OnStart = Box<dyn FnOnce(&Running) + Send>;
pub(super) type Shutdown = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What settings cannot express.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) descriptors: Vec<&'static [u8]>,
    pub(super) listeners: Vec<StdTcpListener>,
    pub(super) health: Health,
    pub(super) checks: Vec<HealthCheck>,
    pub(super) build_info: BuildInfo,
    pub(super) tracer: Option<Arc<BoxedTracer>>,
    pub(super) shutdown: Option<Shutdown>,
    on_start: Option<OnStart>,
    arguments: Vec<OsString>,
}

impl Builder<NoLayers> {
    /// Puts a layer around all services; of several, the first one is the outermost.
    ///
    /// It stands inside of the framework's own layers: what it rejects is observed, and it runs under the deadline
    /// and the panic guard. Any tower layer will do that works under tonic's own server. Health calls pass it by.
    ///
    /// ```
    /// use tonic::{Request, Status, service::InterceptorLayer};
    ///
    /// fn authenticate(request: Request<()>) -> Result<Request<()>, Status> {
    ///     match request.metadata().get("authorization") {
    ///         Some(_) => Ok(request),
    ///         None => Err(Status::unauthenticated("who are you?")),
    ///     }
    /// }
    ///
    /// let builder = rootcap::Server::builder().layer(InterceptorLayer::new(authenticate));
    /// ```
    pub fn layer<N>(self, layer: N) -> Builder<Layers<N>> {
        let Builder { settings, layers, parts } = self;
        Builder { settings, layers: layers.and(layer), parts }
    }
}

impl<N> Builder<Layers<N>> {
    /// Puts a layer inside of those that are there.
    pub fn layer<M>(self, layer: M) -> Builder<Layers<tower_layer::Stack<M, N>>> {
        let Builder { settings, layers, parts } = self;
        Builder { settings, layers: layers.and(layer), parts }
    }
}

impl<L> Builder<L> {
    /// Uses these settings, and neither file nor environment.
    ///
    /// ```
    /// use rootcap::{Server, config::{Config, Listener}};
    ///
    /// let config = Config { listen: vec![Listener::Port(9000)], ..Config::default() };
    /// let builder = Server::builder().config(config);
    /// ```
    pub fn config(mut self, config: Config) -> Self {
        self.settings = Ok(Loaded::default());
        self.configure(|settings| *settings = config)
    }

    /// Changes settings in code, which counts more than file and environment.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = rootcap::Server::builder().configure(|config| {
    ///     config.drain.deadline = Duration::from_secs(10);
    ///     config.log.metadata = vec!["x-tenant".to_owned()];
    /// });
    /// ```
    ///
    /// A value that is not accepted is an error of [`start`](Self::start) and [`serve`](Self::serve), as in a file.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.settings = self.settings.and_then(|mut loaded| {
            loaded.update(change).map_err(Error::config)?;
            Ok(loaded)
        });
        self
    }

    /// Adds an encoded `FileDescriptorSet`: its methods are known to metrics and logs by kind and from the start,
    /// and reflection serves it.
    ///
    /// ```
    /// let builder = rootcap::Server::builder().descriptors(rootcap_proto::FILE_DESCRIPTOR_SET);
    /// ```
    ///
    /// A build script has such a set from `tonic_prost_build`'s `file_descriptor_set_path`, and the program includes it
    /// with `tonic::include_file_descriptor_set!`.
    pub fn descriptors(mut self, encoded: &'static [u8]) -> Self {
        self.parts.descriptors.push(encoded);
        self
    }

    /// Serves on a listener that is bound already; the setting `listen` is then not used. Of several, on all.
    ///
    /// ```
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// println!("calls go to {}", listener.local_addr()?);
    /// let builder = rootcap::Server::builder().listener(listener);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn listener(mut self, listener: StdTcpListener) -> Self {
        self.parts.listeners.push(listener);
        self
    }

    /// Uses this handle for the health of the services, so that the program can set it.
    ///
    /// ```
    /// use rootcap::health::{Health, ServingStatus};
    ///
    /// let health = Health::new();
    /// let builder = rootcap::Server::builder().health(health.clone());
    /// health.set("helloworld.Greeter", ServingStatus::NotServing);
    /// ```
    pub fn health(mut self, health: Health) -> Self {
        self.parts.health = health;
        self
    }

    /// Runs a check of something that the server depends on in the background, and shows it on `/debug/health`: see
    /// [`HealthCheck`]. Of several, each has a name of its own.
    pub fn health_check(mut self, check: HealthCheck) -> Self {
        self.parts.checks.push(check);
        self
    }

    /// What the binary was built from, for `/info`: `rootcap::build_info!()`.
    pub fn build_info(mut self, build: BuildInfo) -> Self {
        self.parts.build_info = build;
        self
    }

    /// Records the calls that are sampled with this tracer, for a process that has an OpenTelemetry pipeline of its own.
    /// The spans that handlers make with `tracing` too, unless the process has a subscriber of its own.
    ///
    /// Whether a call is sampled is decided before there is a span: by the caller, or by `trace.ratio`, whose "auto" is
    /// then 0. The provider's own sampler should follow the parent, and record what has none.
    pub fn tracer(mut self, tracer: impl Into<Arc<BoxedTracer>>) -> Self {
        self.parts.tracer = Some(tracer.into());
        self
    }

    /// Calls `f` when the server has started and serves, to print its addresses for example.
    ///
    /// ```
    /// let builder = rootcap::Server::builder().on_start(|running| {
    ///     println!("calls go to {:?}, operators to {:?}", running.local_addrs(), running.admin_addr());
    /// });
    /// ```
    pub fn on_start(mut self, f: impl FnOnce(&Running) + Send + 'static) -> Self {
        self.parts.on_start = Some(Box::new(f));
        self
    }

    /// Drains when `shutdown` is ready, for a program that owns its signals or ends for reasons of its own. Both
    /// [`serve`](Self::serve) and [`start`](Self::start) do as [`Running::stop`] then does, with the lame-duck delay.
    ///
    /// `serve` leaves signals alone in turn: it installs no handler, not even that of SIGUSR1, never ends the process,
    /// and returns as [`Running::wait`] does. What a blocked worker keeps from ending is then the program's affair.
    ///
    /// The future is polled on the thread of the admin port, so that it is heard while every worker is blocked. That
    /// thread has a runtime of its own, with time and IO, which is where the future spawns; it must not block. One that
    /// panics counts as ready. Once the server has stopped for another reason, it is dropped.
    ///
    /// ```
    /// use tokio::sync::oneshot;
    ///
    /// let (stop, stopped) = oneshot::channel::<()>();
    /// let builder = rootcap::Server::builder().shutdown_on(async {
    ///     // Dropping the sender stops the server too.
    ///     let _ = stopped.await;
    /// });
    /// # drop(stop);
    /// ```
    ///
    /// Of several, the last one counts.
    pub fn shutdown_on(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.parts.shutdown = Some(Box::pin(shutdown));
        self
    }

    /// Leaves the command line to the server: with `--print-config`, [`serve`](Self::serve) prints the effective
    /// settings, with their sources, and returns; with `--print-example`, a commented [example](config::example) of a
    /// settings file. Any other argument is an error.
    pub fn command_line(mut self) -> Self {
        self.parts.arguments = env::args_os().skip(1).collect();
        self
    }

    /// Starts the server and returns a handle of it. Binds first: nothing is half-started when an address cannot be
    /// had.
    ///
    /// Installs no signal handler and never ends the process.
    ///
    /// ```
    /// use rootcap::{Server, config::Listener};
    /// # use rootcap_proto::helloworld::{HelloReply, HelloRequest, greeter_server::{Greeter, GreeterServer}};
    /// # use tonic::{Request, Response, Status};
    /// # struct Hello;
    /// # #[tonic::async_trait]
    /// # impl Greeter for Hello {
    /// #     async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
    /// #         Ok(Response::new(HelloReply::default()))
    /// #     }
    /// # }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), rootcap::Error> {
    /// let running = Server::builder()
    ///     .configure(|config| {
    ///         let any_port = ([127, 0, 0, 1], 0).into();
    ///         config.listen = vec![Listener::Address(any_port)];
    ///         config.admin.listen = None;
    ///     })
    ///     .start(GreeterServer::new(Hello))
    ///     .await?;
    /// assert_ne!(running.local_addr().port(), 0);
    ///
    /// running.stop();
    /// running.wait().await
    /// # }
    /// ```
    ///
    /// Dropping the future before it is ready leaves nothing behind: it never waits.
    ///
    /// # Errors
    /// When a setting or a health check is wrong ([`Error::is_config`]), an address cannot be listened on
    /// ([`Error::is_bind`]), or a descriptor set is not valid.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and IO.
    pub async fn start<S>(mut self, services: S) -> Result<Running, Error>
    where
        S: IntoServices<List: Names>,
        L: Serve<WithReflection<S::List>>,
    {
        let on_start = self.parts.on_start.take();
        let running =
            start::start(self.settings?, self.layers, self.parts, services.into_services())?;
        if let Some(on_start) = on_start {
            on_start(&running);
        }
        Ok(running)
    }

    /// Serves until SIGTERM or SIGINT, then drains: [`start`](Self::start) for a process that has nothing else to do.
    ///
    /// At the signal the server is not ready any more; after `drain.lame_duck` (for SIGINT, at once) it accepts no
    /// more connections and its calls finish; at `drain.deadline`, counted from the signal, what is left is dropped.
    /// The process has ended a second later, whatever its handlers do:
    ///
    /// | how it ends | exit code, where `main` returns the result |
    /// |---|---|
    /// | every call that was open has finished | 0 |
    /// | the deadline cut calls ([`Error::is_cut`]), or the server could not start | 1 |
    /// | a blocked task kept the runtime from being left by the deadline and a second: the process is ended | 1 |
    /// | a second signal: the process is ended at once | 128 and the signal's number: 143, 130 |
    ///
    /// Nobody can tell a runtime that is blocked from a program that still has something to do: what it does after
    /// `serve` must have ended by then. Once `serve` has returned the two signals do nothing any more, because the
    /// system's own way with them cannot be had back.
    ///
    /// A program that owns its signals calls [`shutdown_on`](Self::shutdown_on) first, or uses `start`.
    ///
    /// SIGUSR1 puts the log at the level `debug`, but for the crates of the transport; again, or after 10 minutes, it is
    /// back at `log.filter`.
    ///
    /// ```
    /// # use rootcap_proto::helloworld::greeter_server::{Greeter, GreeterServer};
    /// # async fn serve(hello: impl Greeter) -> Result<(), rootcap::Error> {
    /// rootcap::Server::builder().serve(GreeterServer::new(hello)).await
    /// # }
    /// ```
    ///
    /// Dropping the future asks for a drain, as [`Running::stop`] does, and does not wait for it.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and when the deadline cut calls ([`Error::is_cut`]).
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and IO.
    pub async fn serve<S>(self, services: S) -> Result<(), Error>
    where
        S: IntoServices<List: Names>,
        L: Serve<WithReflection<S::List>>,
    {
        match command_line::read(&self.parts.arguments)? {
            Asked::Serve => return self.serve_until_stopped(services).await,
            Asked::PrintConfig => command_line::print(&config::print(&self.settings?)),
            Asked::PrintExample => command_line::print(&config::example()),
        }
        Ok(())
    }

    async fn serve_until_stopped<S>(mut self, services: S) -> Result<(), Error>
    where
        S: IntoServices<List: Names>,
        L: Serve<WithReflection<S::List>>,
    {
        let on_start = self.parts.on_start.take();
        let owns_signals = self.parts.shutdown.is_none();
        let running = self.start(services).await?;
        if owns_signals {
            // First: whoever is told that the server has started may send a signal at once.
            running.handle_signals()?;
        }
        if let Some(on_start) = on_start {
            on_start(&running);
        }
        running.wait().await
    }
}

impl<L> fmt::Debug for Builder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
