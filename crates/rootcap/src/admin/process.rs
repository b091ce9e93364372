//! What the admin port asks of the process that it shows.

mod limits;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::calls::{CallQuery, CallRows, Cancelled};
use super::latency::{LatencyQuery, LatencyRows};
use crate::debug::dump::{NoDump, Waits};
use crate::debug::heap::Absent;
use crate::debug::memory::{History, Part};
use crate::debug::{Names, stalls::Stall};
use crate::in_force::{InForce, Replaced};
use crate::limits::{LimitChange, LimitError, LimitSetting, WhatIf};
use crate::telemetry::logs::LogsError;
use crate::{BuildInfo, tls};

pub(crate) use limits::{DecisionRow, LimitRow, LimitRows};

/// The process that the admin port shows: its only view of the rest.
///
/// No method that is called on the admin thread may wait for the service's runtime: the admin port answers while that
/// runtime is stuck.
pub(crate) trait Process: Send + Sync + 'static {
    /// The whole text exposition of the metrics.
    fn metrics(&self) -> String;

    /// Why calls should not be sent here: fixed words such as `draining`, and the names of what is
    /// missing, for anyone to read; no text of an error. Empty means ready.
    fn not_ready(&self) -> Vec<String>;

    /// How long ago the service's runtime last ran the heartbeat task.
    fn heartbeat_age(&self) -> Duration;

    /// What runs here.
    fn info(&self) -> Info;

    /// The open connections of the service port.
    fn connections(&self) -> Vec<ConnectionRow>;

    /// The effective settings; secrets are hidden already.
    fn config(&self) -> Vec<ConfigRow>;

    /// The checks, the health of the services, and what readiness waits for.
    fn health(&self) -> HealthRows;

    /// The TLS of the ports that have it.
    fn tls(&self) -> Vec<tls::Status>;

    /// The layers that a call passes, outermost first.
    fn stack(&self) -> Vec<LayerRow>;

    /// The drain, if there is one, and what it waits for, or would.
    fn drain(&self) -> DrainRows;

    /// The calls in flight.
    fn calls(&self, query: &CallQuery) -> CallRows;

    /// How long calls took, by method.
    fn latency(&self, query: &LatencyQuery) -> LatencyRows;

    /// The filter of the log; `None` where the process has a log of its own.
    fn log_filter(&self) -> Option<InForce<String>>;

    /// The memory of the process.
    fn memory(&self) -> MemoryRows;

    /// The methods whose calls threads may be seen to poll.
    fn polled(&self) -> Names;

    /// Calls that have blocked their thread.
    fn stalls(&self) -> StallRows;

    /// What the service's runtime counts of its tasks.
    fn tasks(&self) -> TaskRows;

    /// What each of those tasks waits for. Pauses the service for a moment, and waits for it, for some seconds at most.
    fn dump_tasks(&self) -> Result<Vec<Waits>, NoDump>;

    /// The rules of the limits, and their last decisions.
    fn limits(&self) -> LimitRows;

    /// What a rule would have made of the recent calls, changed so.
    ///
    /// # Errors
    /// When there is no such rule, or the change is none that it can take.
    fn what_if(&self, rule: &str, change: &LimitChange) -> Result<WhatIf, LimitError>;
}

/// What the admin port can change in the process. Apart from [`Process`], so that no page has it that is only looked at.
pub(crate) trait Controls: Send + Sync + 'static {
    /// Puts a filter of the log into force, for so long, or until somebody says otherwise.
    ///
    /// # Errors
    /// When it is not valid, or the process has a log of its own.
    fn change_log_filter(
        &self,
        filter: &str,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<String>, LogsError>;

    /// Begins a drain, unless one has begun: then `false`.
    fn start_drain(&self) -> bool;

    /// Asks the call in flight of this id to end; `None` if there is none.
    fn cancel_call(&self, id: &str) -> Option<Cancelled>;

    /// Puts the configured filter of the log into force.
    ///
    /// # Errors
    /// When the process has a log of its own.
    fn restore_log_filter(&self) -> Result<Replaced<String>, LogsError>;

    /// Changes a rule of the limits, for so long, or until somebody says otherwise.
    ///
    /// # Errors
    /// When there is no such rule, or the change is none that it can take.
    fn change_limit(
        &self,
        rule: &str,
        change: &LimitChange,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<LimitSetting>, LimitError>;

    /// Puts what is configured of a rule into force again.
    ///
    /// # Errors
    /// When there is no such rule.
    fn restore_limit(&self, rule: &str) -> Result<Replaced<LimitSetting>, LimitError>;
}

/// What `/debug/memory` shows.
#[derive(Debug, Clone)]
pub(crate) struct MemoryRows {
    /// What was seen lately.
    pub(crate) history: History,
    /// What there is now, by what it is.
    pub(crate) parts: Vec<Part>,
    /// What the allocator counts, or why it does not.
    pub(crate) allocator: Result<Vec<Part>, Absent>,
    /// What the program shows of itself.
    pub(crate) values: BTreeMap<String, String>,
}

/// Calls that have blocked their thread, for `/debug/stalls`.
#[derive(Debug, Clone)]
pub(crate) struct StallRows {
    /// From which time on; `None` where none are looked for.
    pub(crate) threshold: Option<Duration>,
    /// How many there were.
    pub(crate) count: u64,
    /// The last of them, the newest first.
    pub(crate) last: Vec<Stall>,
}

/// What the runtime counts of its tasks, for `/debug/pprof/tasks`.
#[derive(Debug, Clone)]
pub(crate) struct TaskRows {
    /// Those that have not ended.
    pub(crate) alive: usize,
    /// Those in the queue that all workers share.
    pub(crate) queued: usize,
    /// One for each worker.
    pub(crate) workers: Vec<WorkerRow>,
}

/// One worker of the runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerRow {
    /// How long it had something to do.
    pub(crate) busy: Duration,
    /// How often it had nothing to do.
    pub(crate) parked: u64,
}

/// What runs here, for `/info`.
#[derive(Debug, Clone)]
pub(crate) struct Info {
    /// What the binary was built from.
    pub(crate) build: BuildInfo,
    /// When the process started, by the wall clock.
    pub(crate) started: SystemTime,
    /// How long ago that was, by the monotonic clock.
    pub(crate) uptime: Duration,
    /// The name of the host or container.
    pub(crate) hostname: String,
    /// The process id.
    pub(crate) pid: u32,
    /// The methods of each service, by the service's name.
    pub(crate) services: BTreeMap<String, Vec<String>>,
}

/// One open connection, for `/connections`.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionRow {
    /// The peer's address.
    pub(crate) addr: String,
    /// The identity that the peer has proved, where it has one.
    pub(crate) name: Option<String>,
    /// Whether it is one beyond the cap, on which health is answered and nothing else.
    pub(crate) health_only: bool,
    /// How long the connection has been open.
    pub(crate) session: Duration,
    /// Streams open now.
    pub(crate) open_streams: u64,
    /// Streams since the connection was opened.
    pub(crate) total_streams: u64,
    /// Bytes read from the socket.
    pub(crate) bytes_in: u64,
    /// Bytes written to the socket.
    pub(crate) bytes_out: u64,
    /// Bytes read in a second, lately.
    pub(crate) bytes_in_per_second: u64,
    /// Bytes written in a second, lately.
    pub(crate) bytes_out_per_second: u64,
    /// Bytes of responses that the peer has not taken.
    pub(crate) bytes_unsent: u64,
    /// How long a round trip takes; `None` where the system does not say.
    pub(crate) rtt: Option<Duration>,
    /// Segments that were sent again.
    pub(crate) retransmits: Option<u64>,
    /// Pings of the peer.
    pub(crate) pings: u64,
    /// Those that came too often.
    pub(crate) excess_pings: u64,
    /// How long ago bytes last moved, in either direction.
    pub(crate) idle: Duration,
}

/// A drain and what it waits for, for `/debug/drain`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DrainRows {
    /// `serving`, `lame duck`, `draining` or `cut`.
    pub(crate) phase: &'static str,
    /// How long ago the drain began.
    #[serde(rename = "began_seconds_ago", serialize_with = "seconds")]
    pub(crate) began: Option<Duration>,
    /// From the beginning of a drain until no more connections are accepted.
    #[serde(rename = "lame_duck_seconds", serialize_with = "seconds")]
    pub(crate) lame_duck: Duration,
    /// From the beginning of a drain until what is left is cut.
    #[serde(rename = "deadline_seconds", serialize_with = "seconds")]
    pub(crate) deadline: Duration,
    /// Calls that have ended since it began.
    pub(crate) finished_calls: u64,
    /// Calls that it waits for, or would.
    pub(crate) open_calls: usize,
    /// Connections, with and without calls.
    pub(crate) connections: usize,
    /// The open calls by method, the method with the oldest one first.
    pub(crate) methods: Vec<OpenMethodRow>,
    /// The oldest open calls, oldest first.
    pub(crate) calls: Vec<OpenCallRow>,
}

/// The open calls of one method, and how long such calls live.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OpenMethodRow {
    /// Its path.
    pub(crate) method: String,
    /// How many are open.
    pub(crate) open: usize,
    /// The age of the oldest one.
    #[serde(rename = "oldest_seconds", serialize_with = "seconds")]
    pub(crate) oldest: Duration,
    /// How many have ended, ever.
    pub(crate) ended: u64,
    /// How long those took, on average.
    pub(crate) mean_seconds: Option<f64>,
    /// Half of them took at most this; absent if that is not known.
    pub(crate) half_within_seconds: Option<f64>,
    /// 99 % of them took at most this; absent if that is not known.
    pub(crate) most_within_seconds: Option<f64>,
}

/// One open call.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OpenCallRow {
    /// The method's path.
    pub(crate) method: String,
    /// The other end of its connection.
    pub(crate) peer: String,
    /// How long it has been open.
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub(crate) age: Duration,
    /// How long it may take yet, where it has a deadline.
    #[serde(rename = "left_seconds", serialize_with = "seconds")]
    pub(crate) left: Option<Duration>,
    /// Its request's id.
    pub(crate) request_id: String,
}

/// One effective setting, for `/debug/config`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConfigRow {
    /// The key, with dots between its parts.
    pub(crate) key: String,
    /// The value as it would be written in the file; a secret is hidden already.
    pub(crate) value: String,
    /// Where the value came from: the default, a file and line, a variable, the code.
    pub(crate) source: String,
    /// What the setting does, in a sentence.
    pub(crate) doc: String,
}

/// One layer of the standard stack, for `/debug/stack`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LayerRow {
    /// The layer's name.
    pub(crate) name: String,
    /// Its settings, as text.
    pub(crate) settings: String,
    /// Why it stands where it stands.
    pub(crate) reason: String,
}

/// What `/debug/health` shows.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HealthRows {
    /// The checks of what the server depends on.
    pub(crate) checks: Vec<CheckRow>,
    /// What callers of the health service are told.
    pub(crate) services: Vec<ServiceRow>,
    /// What readiness waits for.
    #[serde(rename = "waiting_for")]
    pub(crate) waiting: Vec<WaitingRow>,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CheckRow {
    /// The check's name.
    pub(crate) name: String,
    /// `ok`, `failing` or `not run yet`.
    pub(crate) state: &'static str,
    /// How long it has been so.
    #[serde(rename = "in_state_seconds", serialize_with = "seconds")]
    pub(crate) in_state: Duration,
    /// How many runs have failed since the last success.
    pub(crate) failures_in_a_row: u32,
    /// How long it has been running, if it is.
    #[serde(rename = "running_seconds", serialize_with = "seconds")]
    pub(crate) running: Option<Duration>,
    /// How long the last run took.
    #[serde(rename = "last_duration_seconds", serialize_with = "seconds")]
    pub(crate) last_duration: Option<Duration>,
    /// The last error; a success does not remove it.
    pub(crate) last_error: Option<ErrorRow>,
    /// In how long it runs next, if it will.
    #[serde(rename = "next_in_seconds", serialize_with = "seconds")]
    pub(crate) next: Option<Duration>,
    /// How often it runs.
    #[serde(rename = "interval_seconds", serialize_with = "seconds")]
    pub(crate) interval: Duration,
    /// How long a run may take.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub(crate) timeout: Duration,
    /// What is not serving when it has failed often enough.
    pub(crate) affects: Vec<String>,
}

/// The error of a check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ErrorRow {
    /// What it said.
    pub(crate) text: String,
    /// How long ago that was.
    #[serde(rename = "ago_seconds", serialize_with = "seconds")]
    pub(crate) ago: Duration,
}

/// A time as a number of seconds; none as `null`.
pub(super) fn seconds<S: Serializer>(
    time: &(impl Into<Option<Duration>> + Copy),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let time: Option<Duration> = (*time).into();
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// The health of one service.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ServiceRow {
    /// The full name; empty for the whole server.
    pub(crate) service: String,
    /// The status, as the protocol spells it.
    pub(crate) status: &'static str,
    /// The checks that fail and affect it.
    pub(crate) withheld_by: Vec<String>,
}

/// Something that readiness waits for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WaitingRow {
    /// What it is.
    pub(crate) name: String,
    /// How long it has held readiness back.
    #[serde(rename = "held_seconds", serialize_with = "seconds")]
    pub(crate) held: Duration,
    /// How many values hold it.
    pub(crate) holders: usize,
    /// Whether one that held it panicked, after which it stays held.
    pub(crate) panicked: bool,
}
