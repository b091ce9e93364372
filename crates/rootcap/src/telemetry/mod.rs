//! What leaves the process: metrics, logs.

pub(crate) mod metrics;
