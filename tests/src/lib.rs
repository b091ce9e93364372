//! What the tests share: servers, clients and programs to find.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking, here too"
)]

pub mod addresses;
pub mod admin;
pub mod browser;
pub mod directory;
pub mod example;
pub mod frames;
pub mod hpack;
pub mod metrics;
pub mod otlp;
pub mod pki;
pub mod pprof;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod raw;
pub mod server;
pub mod supervisor;
pub mod wait;
