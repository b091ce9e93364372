//! Telemetry: logs, traces and metrics, installed only where the process has none yet.

pub mod logs;
pub mod panic_hook;
pub mod sink;
