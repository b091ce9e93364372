//! The driver over an in-memory connection: a test per sentence that is documented of a connection's life.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod age;
mod border;
mod counts;
mod deadline;
mod drain;
mod idle;
mod limits;
pub(in crate::server) mod peer;
mod preface;
mod requests;
mod secured;
mod server;
pub(in crate::server) mod service;
mod stall;

use std::time::Duration;

use tokio::time::Instant;

use super::{CloseReason, phases::NOTICE};
use crate::lifecycle::Phase;
use peer::Kind;
use server::Server;

/// Seconds, as a duration.
const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
