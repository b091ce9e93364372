//! What the admin port asks of the process that it shows.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::{BuildInfo, tls};

/// The process that the admin port shows: its only view of the rest.
///
/// No method may wait for the service's runtime: the admin port answers while that runtime is stuck.
pub(crate) trait Process: Send + Sync + 'static {
    /// The whole text exposition of the metrics.
    fn metrics(&self) -> String;

    /// Why calls should not be sent here: short and fixed texts such as `draining`, for anyone to
    /// read. Empty means ready.
    fn not_ready(&self) -> Vec<String>;

    /// How long ago the service's runtime last ran the heartbeat task.
    fn heartbeat_age(&self) -> Duration;

    /// What runs here.
    fn info(&self) -> Info;

    /// The open connections of the service port.
    fn connections(&self) -> Vec<ConnectionRow>;

    /// The effective settings; secrets are hidden already.
    fn config(&self) -> Vec<ConfigRow>;

    /// The TLS of the ports that have it.
    fn tls(&self) -> Vec<tls::Status>;

    /// The layers that a call passes, outermost first.
    fn stack(&self) -> Vec<LayerRow>;
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
    /// How long ago bytes last moved, in either direction.
    pub(crate) idle: Duration,
}

/// One effective setting, for `/debug/config`.
#[derive(Debug, Clone, serde::Serialize)]
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
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct LayerRow {
    /// The layer's name.
    pub(crate) name: String,
    /// Its settings, as text.
    pub(crate) settings: String,
    /// Why it stands where it stands.
    pub(crate) reason: String,
}
