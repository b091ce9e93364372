//! Starting a server: everything that can fail first, then the tasks and the thread that serve.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::{SocketAddr, TcpListener as StdTcpListener},
    sync::Arc,
    time::{Instant, SystemTime},
};

use rootcap_layers::{Methods, Origin, metrics::CallMetrics};
use tokio::sync::{mpsc, oneshot};

use super::{
    accept::Acceptor,
    builder::Parts,
    connection::ConnectionSettings,
    connections::Connections,
    layers::Serve,
    listen::{self, Bound, LocalAddr},
    open_files::OpenFiles,
    router::{Entry, Names, Router, Services},
    running::{Control, Running},
};
use crate::{
    Error,
    admin::{self, AdminThread, Token},
    config::{Config, Listener, Loaded, Switch},
    descriptors,
    lifecycle::{DrainTimes, Heartbeat, Life, Phase},
    process::Process,
    reflection::{self, ReflectionV1, ReflectionV1Alpha},
    stack,
    telemetry::{logs::Logs, metrics::Metrics, panic_hook},
};

/// A list of services with reflection in front, if it is on.
pub type WithReflection<L> = Entry<ReflectionV1, Entry<ReflectionV1Alpha, L>>;

/// What is bound, before anything is started.
struct Listeners {
    service: Vec<Bound>,
    local: Vec<LocalAddr>,
    admin: Option<StdTcpListener>,
    admin_addr: Option<SocketAddr>,
}

pub(super) fn start<L, N>(
    loaded: Loaded,
    layers: N,
    parts: Parts,
    services: Services<L>,
) -> Result<Running, Error>
where
    L: Names,
    N: Serve<WithReflection<L>>,
{
    let config = loaded.config.clone();
    let names = names(&services);
    let methods = Arc::new(methods(&config, &names, &parts.descriptors)?);
    let services = with_reflection(services, &parts.descriptors, &config)?;
    let token = config
        .admin
        .token_file
        .as_deref()
        .map(Token::from_file)
        .transpose()
        .map_err(Error::config)?;
    let listeners = Listeners::bind(parts.listeners, &config)?;

    let logs = Logs::install(&(&config.log).into()).map_err(Error::log)?;
    panic_hook::install();
    let metrics = Metrics::install();
    let stack = stack::Layers::new(&config, (CallMetrics, logs.access_log()), Arc::clone(&methods));
    let life = Life::new(parts.health.clone());
    let connections = Connections::default();
    let process = Process {
        build: parts.build_info,
        started: (SystemTime::now(), Instant::now()),
        services: names.iter().copied().collect(),
        methods,
        metrics: metrics.clone(),
        logs: logs.clone(),
        life: life.clone(),
        heartbeat: Heartbeat::start(&life),
        connections: connections.clone(),
        stack: stack.clone(),
        settings: loaded,
    };
    warn(&process.settings.warnings);
    let admin_settings = admin::Settings {
        token,
        max_connections: config.admin.max_connections,
        ..Default::default()
    };
    let admin = listeners.admin.into_iter().collect();
    let thread =
        AdminThread::spawn(admin, admin_settings, Arc::new(process)).map_err(Error::control)?;
    let times = DrainTimes { deadline: config.drain.deadline, lame_duck: config.drain.lame_duck };
    thread.runtime().spawn(metrics.keep_up());
    thread.runtime().spawn(life.clone().drain_when_stopped(times, connections.clone()));

    let (alive, all_gone) = mpsc::channel(1);
    let acceptor = Acceptor {
        stack: stack.around(layers.app(Router::new(services)), &parts.health),
        settings: Arc::new(ConnectionSettings::new(&config)),
        max_connections: config.connection.max_connections,
        open_files: OpenFiles::of_process(),
        connections: connections.clone(),
        life: life.watch(),
        alive,
    };
    for listener in listeners.service {
        tokio::spawn(acceptor.clone().run(listener));
    }
    names.iter().for_each(|name| parts.health.register(name));
    parts.health.ready();
    life.advance(Phase::Serving);

    let control =
        Control { runtime: thread.runtime().clone(), times, connections, logs: logs.clone() };
    let (stopped, stop) = oneshot::channel();
    tokio::spawn(end(all_gone, life.clone(), logs, thread, stopped));
    Ok(Running {
        local: listeners.local,
        admin: listeners.admin_addr,
        life,
        health: parts.health,
        control,
        stopped: Some(stop),
    })
}

/// Waits until all that serves has gone, then ends the rest: the admin thread, and last the log.
async fn end(
    mut all_gone: mpsc::Receiver<Infallible>,
    life: Life,
    logs: Logs,
    thread: AdminThread,
    stopped: oneshot::Sender<()>,
) {
    let None = all_gone.recv().await;
    // Nothing was left to cut; what waits for the cut, such as the heartbeat, ends too.
    life.advance(Phase::Cut);
    match (life.cut_calls(), life.drain_time()) {
        (0, took) => tracing::info!(?took, "drained"),
        (cut, took) => tracing::warn!(?took, cut, "drained, but calls were cut at the deadline"),
    }
    // Both wait for a thread.
    let last = tokio::task::spawn_blocking(move || {
        thread.stop();
        logs.flush(FLUSH);
    });
    if let Err(error) = last.await {
        tracing::error!(%error, "the end of the server panicked");
    }
    // Nobody may be waiting.
    let _ = stopped.send(());
}

/// How long the last log lines may take.
const FLUSH: std::time::Duration = std::time::Duration::from_millis(500);

fn warn(warnings: &[String]) {
    panic_hook::warn_if_abort();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

impl Listeners {
    fn bind(handed_over: Vec<StdTcpListener>, config: &Config) -> Result<Self, Error> {
        let service = if handed_over.is_empty() {
            config
                .listen
                .iter()
                .map(|listener| listen::bind("listen", listener))
                .collect::<Result<_, _>>()?
        } else {
            take_over(handed_over)?
        };
        let admin = config.admin.listen.as_ref().map(bind_admin).transpose()?;
        let local = service.iter().map(Bound::local_addr).collect::<Result<_, _>>();
        Ok(Self {
            service,
            local: local.map_err(|error| Error::bind("a listener", error))?,
            admin_addr: admin.as_ref().and_then(|admin| admin.local_addr().ok()),
            admin,
        })
    }
}

fn take_over(listeners: Vec<StdTcpListener>) -> Result<Vec<Bound>, Error> {
    let take_over = |listener: StdTcpListener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener).map(Bound::Tcp)
    };
    let bound = listeners.into_iter().map(take_over).collect::<Result<_, _>>();
    bound.map_err(|error| Error::bind("a listener that was handed over", error))
}

fn bind_admin(listener: &Listener) -> Result<StdTcpListener, Error> {
    match listen::bind("admin.listen", listener)? {
        Bound::Tcp(bound) => bound.into_std().map_err(|error| Error::bind(listener, error)),
        Bound::Unix(..) => {
            let unsupported = "the admin port listens on an internet address only";
            Err(Error::bind(
                format_args!("{listener} (setting `admin.listen`)"),
                std::io::Error::new(std::io::ErrorKind::Unsupported, unsupported),
            ))
        }
    }
}

fn names<L: Names>(services: &Services<L>) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    services.each_name(&mut |name| {
        names.insert(name);
    });
    names
}

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
fn methods(
    config: &Config,
    served: &BTreeSet<&'static str>,
    sets: &[&'static [u8]],
) -> Result<Methods, Error> {
    let mut methods =
        Methods::builder().buckets(&config.metrics.buckets).cap(config.metrics.max_methods);
    for method in descriptors::methods(sets).map_err(Error::descriptors)? {
        // A set may hold more than is served here.
        if served.contains(method.service.as_str()) {
            methods = methods.method(&method.service, &method.method, method.kind, Origin::User);
        }
    }
    for method in descriptors::methods(&reflection::BUILTIN_SETS)
        .expect("the framework's own descriptors are valid")
    {
        methods = methods.method(&method.service, &method.method, method.kind, Origin::Builtin);
    }
    Ok(served.iter().fold(methods, |methods, name| methods.service(name)).build())
}
