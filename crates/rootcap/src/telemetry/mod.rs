//! Telemetry: logs, traces and metrics, installed only where the process has none yet.

pub(crate) mod child_spans;
pub(crate) mod export;
mod install;
mod last;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod panic_hook;
mod recorder;
pub(crate) mod sink;
pub(crate) mod span_ids;

pub(crate) use install::Telemetry;
pub(crate) use last::Last;
