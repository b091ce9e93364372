//! The pages: one handler per file, named in the table of routes.

pub(super) mod calls;
pub(super) mod config;
pub(super) mod connections;
pub(super) mod drain;
pub(super) mod health;
pub(super) mod index;
pub(super) mod info;
pub(super) mod latency;
pub(super) mod limits;
pub(super) mod log;
pub(super) mod memory;
pub(super) mod metrics;
pub(super) mod pprof;
pub(super) mod probes;
pub(super) mod stack;
pub(super) mod stalls;
pub(super) mod style;
pub(super) mod tasks;
pub(super) mod threads;
