//! What the admin port shows of the server.

mod calls;
mod draining;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};

use rootcap_layers::Methods;

use crate::{
    BuildInfo,
    admin::{
        self, CallQuery, CallRows, Cancelled, CheckRow, ConfigRow, ConnectionRow, DrainRows,
        ErrorRow, HealthRows, Info, LatencyQuery, LatencyRows, LayerRow, LimitRows, MemoryRows,
        ServiceRow, StallRows, TaskRows, WaitingRow, WorkerRow,
    },
    config::Loaded,
    debug::{
        Names, Stalls,
        dump::{self, NoDump, Waits},
        heap,
        memory::{self, Memory},
        values,
    },
    health::{CheckState, Checks, Health, Held, Known, Listed, ServingStatus},
    in_force::{InForce, Replaced},
    latency::Latency,
    lifecycle::{DrainTimes, Heartbeat, Life},
    limits::{LimitChange, LimitError, LimitSetting, Limits, WhatIf},
    metrics,
    server::{
        caps::Place,
        connections::{Connection, Connections},
    },
    stack,
    telemetry::{
        logs::{Logs, LogsError},
        metrics::Metrics,
    },
    tls::{self, Tls},
};

/// A server as the admin port sees it.
pub(crate) struct Process {
    pub(crate) build: BuildInfo,
    pub(crate) started: (SystemTime, Instant),
    pub(crate) services: Vec<&'static str>,
    pub(crate) methods: Arc<Methods>,
    pub(crate) latency: Latency,
    pub(crate) metrics: Metrics,
    pub(crate) logs: Logs,
    pub(crate) health: Health,
    pub(crate) checks: Checks,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) connections: Connections,
    pub(crate) stalls: Stalls,
    pub(crate) life: Life,
    pub(crate) times: DrainTimes,
    pub(crate) settings: Loaded,
    pub(crate) stack: stack::Layers,
    pub(crate) limits: Limits,
    pub(crate) memory: Memory,
    /// Of the ports that have it.
    pub(crate) tls: Vec<Tls>,
}

impl admin::Process for Process {
    fn metrics(&self) -> String {
        let connections = self.connections.all();
        let unsent: usize = connections.iter().map(|connection| connection.unsent()).sum();
        metrics::connections_open().set(connections.len() as f64);
        metrics::connections_unsent_bytes().set(unsent as f64);
        self.limits.record();
        self.metrics.render(&self.methods, &self.logs.counters())
    }

    fn not_ready(&self) -> Vec<String> {
        self.health.not_ready()
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

    fn health(&self) -> HealthRows {
        HealthRows {
            checks: self.checks.list().map(check_row).collect(),
            services: self.health.known().into_iter().map(service_row).collect(),
            waiting: self.health.held().into_iter().map(waiting_row).collect(),
        }
    }

    fn tls(&self) -> Vec<tls::Status> {
        self.tls.iter().map(Tls::status).collect()
    }

    fn stack(&self) -> Vec<LayerRow> {
        self.stack.describe(&self.settings.config)
    }

    fn drain(&self) -> DrainRows {
        draining::rows(&self.life, self.times, &self.connections)
    }

    fn calls(&self, query: &CallQuery) -> CallRows {
        calls::rows(&self.connections, query)
    }

    fn latency(&self, query: &LatencyQuery) -> LatencyRows {
        self.latency.rows(query)
    }

    fn log_filter(&self) -> Option<InForce<String>> {
        self.logs.in_force()
    }

    fn memory(&self) -> MemoryRows {
        let parts = [memory::parts(), memory::rolled_up()].concat();
        let (history, allocator) = (self.memory.history(), heap::numbers());
        MemoryRows { history, parts, allocator, values: values::read() }
    }

    fn polled(&self) -> Names {
        Names::new(self.connections.server(), &self.methods)
    }

    fn stalls(&self) -> StallRows {
        let (count, last) = self.stalls.last();
        StallRows { threshold: self.stalls.threshold(), count, last }
    }

    fn tasks(&self) -> TaskRows {
        let runtime = self.metrics.service().metrics();
        let worker = |number| WorkerRow {
            busy: runtime.worker_total_busy_duration(number),
            parked: runtime.worker_park_count(number),
        };
        TaskRows {
            alive: runtime.num_alive_tasks(),
            queued: runtime.global_queue_depth(),
            workers: (0..runtime.num_workers()).map(worker).collect(),
        }
    }

    fn dump_tasks(&self) -> Result<Vec<Waits>, NoDump> {
        dump::of(self.metrics.service())
    }

    fn limits(&self) -> LimitRows {
        LimitRows::of(&self.limits)
    }

    fn what_if(&self, rule: &str, change: &LimitChange) -> Result<WhatIf, LimitError> {
        self.limits.what_if(rule, change)
    }
}

impl admin::Controls for Process {
    fn change_log_filter(
        &self,
        filter: &str,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<String>, LogsError> {
        self.logs.change_filter(filter, peer, lasts)
    }

    fn start_drain(&self) -> bool {
        self.life.ask(&self.connections)
    }

    fn cancel_call(&self, id: &str) -> Option<Cancelled> {
        calls::cancel(&self.connections, id)
    }

    fn restore_log_filter(&self) -> Result<Replaced<String>, LogsError> {
        self.logs.fall_back()
    }

    fn change_limit(
        &self,
        rule: &str,
        change: &LimitChange,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<LimitSetting>, LimitError> {
        self.limits.change(rule, change, peer, lasts)
    }

    fn restore_limit(&self, rule: &str) -> Result<Replaced<LimitSetting>, LimitError> {
        self.limits.restore(rule)
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
    let (tcp, [bytes_in_per_second, bytes_out_per_second]) =
        (connection.tcp_info(), connection.pace.bytes_per_second());
    ConnectionRow {
        addr: connection.peer().as_str().to_owned(),
        name: connection.peer().proved_identity().map(str::to_owned),
        health_only: connection.place == Place::Health,
        session: connection.accepted.elapsed(),
        open_streams: connection.io.open_calls() as u64,
        total_streams: connection.total_calls.load(Relaxed),
        bytes_in: connection.io.bytes_in(),
        bytes_out: connection.io.bytes_out(),
        bytes_in_per_second,
        bytes_out_per_second,
        bytes_unsent: connection.unsent() as u64,
        rtt: tcp.map(|tcp| tcp.rtt),
        retransmits: tcp.map(|tcp| tcp.retransmits),
        pings: connection.io.pings(),
        excess_pings: connection.io.excess_pings(),
        idle: connection.idle(),
    }
}

fn check_row(Listed { name, affects, interval, timeout, shown }: Listed<'_>) -> CheckRow {
    CheckRow {
        name: name.to_owned(),
        state: match shown.state {
            CheckState::NotRun => "not run yet",
            CheckState::Ok => "ok",
            CheckState::Failing => "failing",
        },
        in_state: shown.time,
        failures_in_a_row: shown.failures,
        running: shown.running,
        last_duration: shown.last_duration,
        last_error: shown.last_error.map(|(text, ago)| ErrorRow { text, ago }),
        next: shown.next,
        interval,
        timeout,
        affects: affects.iter().map(ToString::to_string).collect(),
    }
}

fn service_row(Known { service, status, withheld_by }: Known) -> ServiceRow {
    let status = match status {
        ServingStatus::Serving => "SERVING",
        ServingStatus::NotServing => "NOT_SERVING",
    };
    ServiceRow { service, status, withheld_by }
}

fn waiting_row(Held { name, time, holders, panicked }: Held) -> WaitingRow {
    WaitingRow { name, held: time, holders, panicked }
}

/// The name of the host, where it can be found out.
pub(crate) fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}
