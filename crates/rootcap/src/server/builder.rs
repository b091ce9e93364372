//! [`Server`] and its [`Builder`].

use std::{
    env,
    ffi::OsString,
    fmt,
    io::{self, Write},
    net::TcpListener as StdTcpListener,
    sync::Arc,
};

use opentelemetry::global::BoxedTracer;

use super::{
    layers::{Layers, NoLayers, Serve},
    router::{IntoServices, Names},
    running::Running,
    served::WithReflection,
    start,
};
use crate::{
    BuildInfo, Error,
    config::{self, Config, Loaded},
    health::Health,
};

/// Entry point: [`Server::builder`].
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
#[must_use = "a builder does nothing until `serve` or `start`"]
pub struct Builder<L = NoLayers> {
    settings: Result<Loaded, Error>,
    layers: L,
    parts: Parts,
}

type OnStart = Box<dyn FnOnce(&Running) + Send>;

/// What settings cannot express.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) descriptors: Vec<&'static [u8]>,
    pub(super) listeners: Vec<StdTcpListener>,
    pub(super) health: Health,
    pub(super) build_info: BuildInfo,
    pub(super) tracer: Option<Arc<BoxedTracer>>,
    on_start: Option<OnStart>,
    arguments: Vec<OsString>,
}

impl Builder<NoLayers> {
    /// Puts a layer around all services; of several, the first one is the outermost.
    ///
    /// It stands inside of the framework's own layers: what it rejects is observed, and it runs under the deadline
    /// and the panic guard. Any tower layer will do that works under tonic's own server. Health calls pass it by.
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
    pub fn config(mut self, config: Config) -> Self {
        self.settings = Ok(Loaded::default());
        self.configure(|settings| *settings = config)
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
        self.parts.descriptors.push(encoded);
        self
    }

    /// Serves on a listener that is bound already; the setting `listen` is then not used. Of several, on all.
    pub fn listener(mut self, listener: StdTcpListener) -> Self {
        self.parts.listeners.push(listener);
        self
    }

    /// Uses this handle for the health of the services, so that the program can set it.
    pub fn health(mut self, health: Health) -> Self {
        self.parts.health = health;
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
    pub fn on_start(mut self, f: impl FnOnce(&Running) + Send + 'static) -> Self {
        self.parts.on_start = Some(Box::new(f));
        self
    }

    /// Leaves the command line to the server: with `--print-config`, [`serve`](Self::serve) prints the effective
    /// settings, with their sources, and returns. Any other argument is an error.
    pub fn command_line(mut self) -> Self {
        self.parts.arguments = env::args_os().skip(1).collect();
        self
    }

    /// Starts the server and returns a handle of it. Binds first: nothing is half-started when an address cannot be
    /// had.
    ///
    /// Installs no signal handler and never ends the process.
    ///
    /// # Errors
    /// When a setting is wrong ([`Error::is_config`]), an address cannot be listened on ([`Error::is_bind`]), or a
    /// descriptor set is not valid.
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
    ///
    /// A second signal ends the process at once, with 128 and the signal's number as its exit code. So does, with
    /// exit code 1, a runtime that a blocked task keeps from being left by the deadline and a second. Nobody can tell
    /// that from a program that still has something to do: what it does after `serve` must have ended by then.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and when the deadline cut calls ([`Error::is_cut`]).
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and IO.
    pub async fn serve<S>(mut self, services: S) -> Result<(), Error>
    where
        S: IntoServices<List: Names>,
        L: Serve<WithReflection<S::List>>,
    {
        if self.wants_to_print()? {
            let text = config::print(&self.settings?);
            // Who has closed the pipe has seen enough of it.
            let _ = io::stdout().write_all(text.as_bytes());
            return Ok(());
        }
        let on_start = self.parts.on_start.take();
        let running = self.start(services).await?;
        // First: whoever is told that the server has started may send a signal at once.
        running.drain_on_signals()?;
        if let Some(on_start) = on_start {
            on_start(&running);
        }
        running.wait().await
    }

    fn wants_to_print(&mut self) -> Result<bool, Error> {
        let arguments = std::mem::take(&mut self.parts.arguments);
        match arguments.iter().find(|argument| *argument != "--print-config") {
            None => Ok(!arguments.is_empty()),
            Some(other) => {
                let other = other.to_string_lossy();
                Err(Error::config(format!(
                    "unknown argument {other:?}: expected --print-config, or none"
                )))
            }
        }
    }
}

impl<L> fmt::Debug for Builder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
