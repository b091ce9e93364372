//! The admin port over real sockets, with a made-up process behind it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod client;
mod drain;
mod guard;
mod latency;
mod limiting;
mod limits;
mod log;
mod memory;
mod pages;
mod token;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::response::{IntoResponse, Response};
use http::Method;
use http::request::Parts;

use super::change::Change;
use super::routes::{Admin, Row, rows};
use super::{
    AdminThread, CallQuery, CallRow, CallRows, Cancelled, CheckRow, ConfigRow, ConnectionRow,
    Controls, DrainRows, ErrorRow, HealthRows, Info, LatencyQuery, LatencyRow, LatencyRows,
    LayerRow, LimitRows, MemoryRows, OpenCallRow, OpenMethodRow, Process, ServiceRow, Settings,
    StallRows, TaskRows, WaitingRow, WorkerRow,
};
use crate::BuildInfo;
use crate::debug::dump::{NoDump, Waits};
use crate::debug::{Names, profile::Stack, stalls::Stall};
use crate::in_force::{InForce, Replaced};
use crate::limits::{LimitChange, LimitError, LimitSetting, WhatIf};
use crate::telemetry::logs::{Logs, LogsError};

pub(super) const MARKUP: &str = "<script>alert('x')</script>\x1b[31m\"&";

/// A process that shows what a test wants to see.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake {
    pub(super) heartbeat: Duration,
    pub(super) not_ready: Vec<String>,
    pub(super) panics: bool,
    pub(super) drains: Arc<AtomicBool>,
    /// The calls in flight.
    pub(super) calls: Arc<Mutex<Vec<CallRow>>>,
    /// What was asked of them last.
    pub(super) asked: Arc<Mutex<CallQuery>>,
    /// The methods that have been called.
    pub(super) latency: Vec<LatencyRow>,
    /// The log, where it is ours.
    pub(super) logs: Option<Logs>,
    pub(super) limits: limiting::FakeLimits,
}

impl Process for Fake {
    fn metrics(&self) -> String {
        "# TYPE grpc_server_started_total counter\n".repeat(200)
    }

    fn not_ready(&self) -> Vec<String> {
        self.not_ready.clone()
    }

    fn heartbeat_age(&self) -> Duration {
        self.heartbeat
    }

    fn info(&self) -> Info {
        let methods = vec!["SayHello".to_owned()];
        Info {
            build: BuildInfo::default(),
            started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            uptime: Duration::from_secs(601_802),
            hostname: "host-1".to_owned(),
            pid: 42,
            services: BTreeMap::from([("helloworld.Greeter".to_owned(), methods)]),
        }
    }

    fn connections(&self) -> Vec<ConnectionRow> {
        assert!(!self.panics, "a page that panics");
        let row = ConnectionRow {
            addr: "10.1.2.3:4567".to_owned(),
            name: Some(MARKUP.to_owned()),
            health_only: true,
            session: Duration::from_secs(184),
            open_streams: 2,
            total_streams: 30,
            bytes_in: 400,
            bytes_out: 5_000,
            bytes_in_per_second: 60,
            bytes_out_per_second: 700,
            bytes_unsent: 70,
            rtt: Some(Duration::from_micros(843)),
            retransmits: Some(9),
            pings: 7,
            excess_pings: 3,
            idle: Duration::from_millis(1_500),
        };
        vec![row, ConnectionRow { name: None, ..self.one_more() }]
    }

    fn config(&self) -> Vec<ConfigRow> {
        let row = |key: &str, value: &str, source: &str, doc: &str| ConfigRow {
            key: key.to_owned(),
            value: value.to_owned(),
            source: source.to_owned(),
            doc: doc.to_owned(),
        };
        vec![
            row("listen", "\"[::]:8081\"", "default", "Where the service listens."),
            row("log.filter", MARKUP, "ROOTCAP_LOG__FILTER", "What is logged, as in RUST_LOG."),
            row("drain.deadline", "\"25s\"", "rootcap.toml:12", "How long a drain may take."),
        ]
    }

    fn health(&self) -> HealthRows {
        let failing = CheckRow {
            name: "redis".to_owned(),
            state: "failing",
            in_state: Duration::from_secs(95),
            failures_in_a_row: 4,
            running: Some(Duration::from_secs(7)),
            last_duration: Some(Duration::from_micros(1_234)),
            last_error: Some(ErrorRow { text: MARKUP.to_owned(), ago: Duration::from_secs(8) }),
            next: Some(Duration::from_secs(2)),
            interval: Duration::from_secs(10),
            timeout: Duration::from_millis(1_500),
            affects: vec!["readiness".to_owned(), "helloworld.Greeter".to_owned()],
        };
        let new = CheckRow {
            name: "disk".to_owned(),
            state: "not run yet",
            failures_in_a_row: 0,
            running: None,
            last_duration: None,
            last_error: None,
            affects: Vec::new(),
            ..failing.clone()
        };
        let service = |service: &str, status, by: &[&str]| ServiceRow {
            service: service.to_owned(),
            status,
            withheld_by: by.iter().map(|check| (*check).to_owned()).collect(),
        };
        let waiting = |name: &str, holders, panicked| WaitingRow {
            name: name.to_owned(),
            held: Duration::from_secs(12),
            holders,
            panicked,
        };
        HealthRows {
            checks: vec![failing, new],
            services: vec![
                service("", "NOT_SERVING", &["redis"]),
                service("helloworld.Greeter", "SERVING", &[]),
            ],
            waiting: vec![waiting("warm the cache", 2, false), waiting(MARKUP, 0, true)],
        }
    }

    fn tls(&self) -> Vec<crate::tls::Status> {
        vec![crate::tls::Status {
            port: "service",
            subject: MARKUP.to_owned(),
            serial: "01:02".to_owned(),
            not_after: "2027-01-01T00:00:00Z".to_owned(),
            days_left: 41,
            loaded: "2026-11-20T00:00:00Z".to_owned(),
            error: Some("tls.key = \"key.pem\": the file cannot be read".to_owned()),
            error_since: Some("2026-11-21T00:00:00Z".to_owned()),
        }]
    }

    fn stack(&self) -> Vec<LayerRow> {
        vec![LayerRow {
            name: "Observe".to_owned(),
            settings: "observers: metrics, access log".to_owned(),
            reason: "Outermost, so that it sees rejections too.".to_owned(),
        }]
    }

    fn drain(&self) -> DrainRows {
        let call = |left| OpenCallRow {
            method: "/helloworld.Greeter/Watch".to_owned(),
            peer: MARKUP.to_owned(),
            age: Duration::from_secs(90),
            left,
            request_id: MARKUP.to_owned(),
        };
        let method = OpenMethodRow {
            method: MARKUP.to_owned(),
            open: 2,
            oldest: Duration::from_secs(90),
            ended: 7,
            mean_seconds: Some(0.5),
            half_within_seconds: Some(0.25),
            most_within_seconds: None,
        };
        let draining = self.drains.load(Relaxed);
        DrainRows {
            phase: if draining { "draining" } else { "serving" },
            began: draining.then_some(Duration::from_secs(4)),
            lame_duck: Duration::from_secs(3),
            deadline: Duration::from_secs(25),
            finished_calls: 11,
            open_calls: 2,
            connections: 3,
            methods: vec![method],
            calls: vec![call(Some(Duration::from_secs(1))), call(None)],
        }
    }

    fn polled(&self) -> Names {
        Names::default()
    }

    fn stalls(&self) -> StallRows {
        let stall = Stall {
            number: 7,
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            method: MARKUP.to_owned(),
            thread: 17,
            thread_name: MARKUP.to_owned(),
            lasted: Duration::from_millis(1_250),
            goes_on: true,
            stack: Some(Stack { addresses: vec![1], whole: false }),
        };
        let last = vec![stall.clone(), Stall { number: 6, goes_on: false, stack: None, ..stall }];
        StallRows { threshold: Some(Duration::from_millis(250)), count: 7, last }
    }

    fn tasks(&self) -> TaskRows {
        let worker = WorkerRow { busy: Duration::from_millis(12_345), parked: 9 };
        TaskRows { alive: 21, queued: 3, workers: vec![worker; 2] }
    }

    fn dump_tasks(&self) -> Result<Vec<Waits>, NoDump> {
        let lines = ["╼ greet at src/main.rs:1", "└╼ <recv> at src/channel.rs:2"];
        Ok(vec![Waits { tasks: 4, lines: lines.map(str::to_owned).to_vec() }])
    }

    fn calls(&self, query: &CallQuery) -> CallRows {
        self.asked.lock().unwrap().clone_from(query);
        let mut rows =
            CallRows { calls: self.calls.lock().unwrap().clone(), ..CallRows::default() };
        (rows.in_flight, rows.matching) = (rows.calls.len(), rows.calls.len());
        for call in &rows.calls {
            *rows.by_phase.entry(call.phase).or_default() += 1;
        }
        rows.calls.truncate(query.limit);
        rows
    }

    fn latency(&self, query: &LatencyQuery) -> LatencyRows {
        let methods = self.latency.iter().take(query.limit).cloned().collect();
        LatencyRows { matching: self.latency.len(), methods }
    }

    fn log_filter(&self) -> Option<InForce<String>> {
        self.logs.as_ref()?.in_force()
    }

    fn memory(&self) -> MemoryRows {
        memory::rows()
    }

    fn limits(&self) -> LimitRows {
        LimitRows::of(&self.limits.0)
    }

    fn what_if(&self, rule: &str, change: &LimitChange) -> Result<WhatIf, LimitError> {
        self.limits.0.what_if(rule, change)
    }
}

impl Controls for Fake {
    fn change_log_filter(
        &self,
        filter: &str,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<String>, LogsError> {
        self.logs.as_ref().ok_or(LogsError::NotOurs)?.change_filter(filter, peer, lasts)
    }

    fn start_drain(&self) -> bool {
        !self.drains.swap(true, Relaxed)
    }

    fn cancel_call(&self, id: &str) -> Option<Cancelled> {
        let mut calls = self.calls.lock().unwrap();
        let place = calls.iter().position(|call| call.id == id)?;
        let CallRow { method, peer, request_id, .. } = calls.remove(place);
        Some(Cancelled { method, peer, request_id })
    }

    fn restore_log_filter(&self) -> Result<Replaced<String>, LogsError> {
        self.logs.as_ref().ok_or(LogsError::NotOurs)?.fall_back()
    }

    fn change_limit(
        &self,
        rule: &str,
        change: &LimitChange,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<LimitSetting>, LimitError> {
        self.limits.0.change(rule, change, peer, lasts)
    }

    fn restore_limit(&self, rule: &str) -> Result<Replaced<LimitSetting>, LimitError> {
        self.limits.0.restore(rule)
    }
}

impl Fake {
    fn one_more(&self) -> ConnectionRow {
        ConnectionRow {
            addr: "[2001:db8::1]:50000".to_owned(),
            name: None,
            health_only: false,
            session: Duration::from_secs(3_601),
            open_streams: 0,
            total_streams: 1,
            bytes_in: 12_345_678,
            bytes_out: 9,
            bytes_in_per_second: 0,
            bytes_out_per_second: 0,
            bytes_unsent: 0,
            rtt: None,
            retransmits: None,
            pings: 0,
            excess_pings: 0,
            idle: Duration::from_secs(3_000),
        }
    }
}

/// A running admin port, and where it listens.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) thread: AdminThread,
}

pub(super) fn start(fake: Fake) -> Running {
    start_with(fake, Settings::default())
}

pub(super) fn start_with(fake: Fake, settings: Settings) -> Running {
    start_on(TcpListener::bind("127.0.0.1:0").unwrap(), fake, settings)
}

pub(super) fn start_on(listener: TcpListener, fake: Fake, settings: Settings) -> Running {
    let address = listener.local_addr().unwrap();
    let thread =
        AdminThread::spawn_rows(test_rows, vec![listener], settings, Arc::new(fake)).unwrap();
    Running { address, thread }
}

/// A path of the real table as a request has it: with the name of a rule that there is.
pub(super) fn example(path: &str) -> String {
    path.replace("{rule}", "greetings")
}

/// The real table without profiles, which take seconds, or are not there: `tests/src/profiling.rs` looks at them.
pub(super) fn quick_rows() -> Vec<Row> {
    let profiles = ["/debug/pprof/profile", "/debug/pprof/heap", "/debug/pprof/allocs"];
    rows().into_iter().filter(|row| !profiles.contains(&row.path)).collect()
}

/// The real table, and a route that changes nothing real.
pub(super) fn test_rows() -> Vec<Row> {
    let mut rows = rows();
    let path = "/debug/test-setting";
    rows.push(Row::change(Method::PUT, path, set, "a setting of this test"));
    rows
}

fn set(_: &Admin, _: &dyn Controls, _: &Parts, body: &[u8]) -> Response {
    let new = String::from_utf8_lossy(body).into_owned();
    let change = Change { what: "test-setting", old: "before".to_owned(), new, lasts: None };
    let mut response = "changed\n".into_response();
    response.extensions_mut().insert(change);
    response
}
