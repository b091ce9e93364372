//! Starting a server: everything that can fail first, then the tasks and the thread that serve.

use std::{
    convert::Infallible,
    net::TcpListener as StdTcpListener,
    sync::Arc,
    time::{Instant, SystemTime},
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::{
    accept::{Acceptor, Serving},
    bound::Bound,
    builder::Parts,
    caps::Caps,
    connection::ConnectionSettings,
    connections::Connections,
    layers::Serve,
    listeners::Listeners,
    open_files::OpenFiles,
    router::{Names, Router, Services},
    running::{Control, Running},
    served::{self, Described, WithReflection},
};
use crate::{
    Error,
    admin::{self, AdminThread, Token},
    bounds::App,
    config::{self, Loaded},
    debug::{Stalls, memory::Memory},
    health::Checks,
    latency::Latency,
    lifecycle::{self, DrainTimes, Heartbeat, Life, Phase},
    metrics,
    process::Process,
    stack,
    telemetry::{Last, Telemetry},
    tls::{Port, Tls},
};

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
    let names = served::names(&services);
    let described = Described::read(&parts.descriptors)?;
    described.check_names(&loaded, &names)?;
    let checks = Checks::new(parts.checks, &names)?;
    let methods = Arc::new(described.methods(&names, &config.metrics));
    let services = served::with_reflection(services, &names, &parts.descriptors, &config.service)?;
    let tls = Tls::load(&config.tls, Port::Service).map_err(Error::config)?;
    let admin_settings = admin_settings(&config.admin)?;
    let all_tls: Vec<_> = tls.iter().chain(&admin_settings.tls).cloned().collect();
    let listeners = Listeners::bind(parts.listeners, &config)?;
    check_tls_has_a_port(&config.tls, &listeners)?;

    let Telemetry { last, metrics: recorded, tracer } =
        Telemetry::install(&loaded, &parts.build_info, parts.tracer)?;
    listeners.tell();
    let logs = &last.logs;
    let mut stack = stack::Layers::new(&config, logs, Arc::clone(&methods), last.export.as_ref());
    if let Some(tracer) = tracer {
        stack = stack.tracer(tracer);
    }
    let life = Life::new(parts.health.clone());
    let connections = Connections::default();
    let times = DrainTimes { deadline: config.drain.deadline, lame_duck: config.drain.lame_duck };
    let limits = stack.limits(&loaded);
    let memory = Memory::default();
    let latency = Latency::new(Arc::clone(&methods));
    let stalls =
        Stalls::new(connections.server(), Arc::clone(&methods), config.debug.stall_threshold);
    let process = Process {
        build: parts.build_info,
        started: (SystemTime::now(), Instant::now()),
        services: names.iter().copied().collect(),
        methods,
        latency: latency.clone(),
        metrics: recorded,
        logs: logs.clone(),
        health: parts.health.clone(),
        checks: checks.clone(),
        heartbeat: Heartbeat::start(&life),
        connections: connections.clone(),
        stalls: stalls.clone(),
        life: life.clone(),
        times,
        stack: stack.clone(),
        limits: limits.clone(),
        memory: memory.clone(),
        tls: all_tls.clone(),
        settings: loaded,
    };
    let thread = admin_thread(listeners.admin, admin_settings, process)?;
    let (alive, all_gone) = mpsc::channel(1);
    let app = layers.app(Router::new(services));
    let acceptor = Acceptor {
        serving: Serving {
            stack: stack.around(app.clone(), &parts.health),
            settings: Arc::new(ConnectionSettings::new(&config)),
        },
        health_only: Serving {
            stack: stack.around_health_only(app, &parts.health),
            settings: Arc::new(ConnectionSettings::health_only(&config)),
        },
        tls,
        told: Arc::default(),
        caps: Caps {
            connections: config.max_connections(),
            per_peer: config.connection.max_per_peer,
        },
        open_files: OpenFiles::of_process(),
        connections: connections.clone(),
        life: life.watch(),
        listening: life.listening(),
        alive,
    };
    accept_on_all(listeners.service, acceptor);
    names.iter().for_each(|name| parts.health.register(name));
    parts.health.ready();
    life.advance(Phase::Serving);
    checks.start(thread.runtime(), &life, &parts.health);

    // Behind the first connections, which need none of it yet.
    thread.runtime().spawn(async { metrics::describe() });
    thread.runtime().spawn(logs.clone().end_changes());
    thread.runtime().spawn(memory.watch());
    thread.runtime().spawn(connections.clone().watch_pace());
    for limit in limits.iter() {
        thread.runtime().spawn(limit.clone().end_changes());
    }
    thread.runtime().spawn(latency.keep());
    thread.runtime().spawn(stalls.watch());
    thread.runtime().spawn(lifecycle::keep_awake(Handle::current(), connections.clone()));
    thread.runtime().spawn(life.clone().drain_when_stopped(times, connections.clone()));
    if let Some(shutdown) = parts.shutdown {
        thread.runtime().spawn(life.clone().stop_on(shutdown));
    }
    for tls in all_tls {
        thread.runtime().spawn(tls.watch());
    }

    let control = Control {
        runtime: thread.runtime().clone(),
        times,
        connections: connections.clone(),
        last: last.clone(),
    };
    let (stopped, stop) = oneshot::channel();
    tokio::spawn(end(all_gone, (life.clone(), times), connections, last, thread, stopped));
    Ok(Running {
        local: listeners.local,
        admin: listeners.admin_addr,
        life,
        health: parts.health,
        control,
        stopped: Some(stop),
    })
}

/// Who set up TLS must not be left without it unawares.
fn check_tls_has_a_port(settings: &config::Tls, listeners: &Listeners) -> Result<(), Error> {
    match settings.cert.as_deref() {
        Some(cert) if !listeners.any_tcp() => Err(Error::config(format!(
            "tls.cert = {cert:?}: it does nothing where all listeners are Unix sockets; expected \"off\", or another listener"
        ))),
        _ => Ok(()),
    }
}

/// Reads the files that the settings of the admin port name; those of its TLS only if there is such a port.
fn admin_settings(settings: &config::Admin) -> Result<admin::Settings, Error> {
    let token = settings.token_file.as_deref().map(Token::from_file).transpose();
    let load_tls = |_: &config::Listener| Tls::load(&settings.tls, Port::Admin);
    let tls = settings.listen.as_ref().map(load_tls).transpose();
    Ok(admin::Settings {
        token: token.map_err(Error::config)?,
        tls: tls.map_err(Error::config)?.flatten(),
        max_connections: settings.max_connections,
        ..admin::Settings::default()
    })
}

fn admin_thread(
    listeners: Vec<StdTcpListener>,
    settings: admin::Settings,
    process: Process,
) -> Result<AdminThread, Error> {
    AdminThread::spawn(listeners, settings, Arc::new(process)).map_err(Error::admin_thread)
}

/// Ends with the acceptor's own part in what is alive: from here on, the server is its tasks.
fn accept_on_all<A: App>(listeners: Vec<Bound>, acceptor: Acceptor<A>) {
    for listener in listeners {
        tokio::spawn(acceptor.clone().run(listener));
    }
}

/// Waits until all that serves has gone, then ends the rest: the export, the admin thread (which takes signals until
/// then), and last the log.
async fn end(
    mut all_gone: mpsc::Receiver<Infallible>,
    (life, times): (Life, DrainTimes),
    connections: Connections,
    last: Last,
    thread: AdminThread,
    stopped: oneshot::Sender<()>,
) {
    let None = all_gone.recv().await;
    // Nothing was left to cut; what waits for the cut, such as the heartbeat, ends too.
    life.advance(Phase::Cut);
    life.tell_end(&connections);
    // They wait for a thread each.
    let ended = tokio::task::spawn_blocking(move || {
        last.stop_export(life.drain_time(), times);
        thread.stop();
        last.flush_logs();
    });
    if let Err(error) = ended.await {
        tracing::error!(%error, "the end of the server panicked");
    }
    // Nobody may be waiting.
    let _ = stopped.send(());
}
