//! The whole system over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocked;
mod calls;
mod cancellation;
mod clients;
mod configuring;
mod connections;
mod counting;
mod deadlines;
mod draining;
mod exporting;
mod health;
mod hostile;
mod identity;
mod limiting;
mod listening;
mod load;
mod logging;
mod panics;
mod reflection;
mod refusing;
mod series;
mod spans;
mod user_layers;
