//! What leaves the process: logs and metrics.

pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod panic_hook;
