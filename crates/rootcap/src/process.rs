//! What the admin port shows of the server.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

use rootcap_layers::Methods;

use crate::{
    BuildInfo,
    admin::{self, ConfigRow, ConnectionRow, Info, LayerRow},
    config::Loaded,
    lifecycle::{Heartbeat, Life},
    server::connections::{Connection, Connections},
    stack,
    telemetry::{logs::Logs, metrics::Metrics},
};

/// A server as the admin port sees it.
pub(crate) struct Process {
    pub(crate) build: BuildInfo,
    pub(crate) started: (SystemTime, Instant),
    pub(crate) services: Vec<&'static str>,
    pub(crate) methods: Arc<Methods>,
    pub(crate) metrics: Metrics,
    pub(crate) logs: Logs,
    pub(crate) life: Life,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) connections: Connections,
    pub(crate) settings: Loaded,
    pub(crate) stack: stack::Layers,
}

impl admin::Process for Process {
    fn metrics(&self) -> String {
        self.metrics.render(&self.methods, &self.logs.counters())
    }

    fn not_ready(&self) -> Vec<String> {
        self.life.not_ready()
    }

    fn heartbeat_age(&self) -> Duration {
        self.heartbeat.age()
    }

    fn info(&self) -> Info {
        Info {
            build: self.build.clone(),
            started: self.started.0,
            uptime: self.started.1.elapsed(),
            hostname: hostname().unwrap_or_else(|| "unknown".to_owned()),
            pid: std::process::id(),
            services: self.services_and_methods(),
        }
    }

    fn connections(&self) -> Vec<ConnectionRow> {
        self.connections.all().iter().map(|connection| row(connection)).collect()
    }

    fn config(&self) -> Vec<ConfigRow> {
        let entries = self.settings.effective().into_iter();
        entries
            .map(|entry| ConfigRow {
                key: entry.key,
                value: match entry.means {
                    Some(means) => format!("{} ({means})", entry.value),
                    None => entry.value,
                },
                source: entry.source,
                doc: entry.doc,
            })
            .collect()
    }

    fn stack(&self) -> Vec<LayerRow> {
        self.stack.describe(&self.settings.config)
    }
}

impl Process {
    fn services_and_methods(&self) -> BTreeMap<String, Vec<String>> {
        let mut services: BTreeMap<String, Vec<String>> =
            self.services.iter().map(|&service| (service.to_owned(), Vec::new())).collect();
        for method in self.methods.all() {
            if let Some(methods) = services.get_mut(method.service()) {
                methods.push(method.name().to_owned());
            }
        }
        services
    }
}

fn row(connection: &Connection) -> ConnectionRow {
    ConnectionRow {
        addr: connection.peer.as_str().to_owned(),
        name: connection.peer.proved_identity().map(str::to_owned),
        session: connection.accepted.elapsed(),
        open_streams: connection.io.open_calls() as u64,
        total_streams: connection.total_calls.load(Relaxed),
        bytes_in: connection.io.bytes_in(),
        bytes_out: connection.io.bytes_out(),
        idle: connection.idle(),
    }
}

/// The name of the host, where it can be found out.
pub(crate) fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}
