//! The whole system over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accepting;
mod aging;
mod blocked;
mod calls;
mod cancellation;
mod checking;
mod clients;
mod closing;
mod configuring;
mod connections;
mod counting;
mod deadlines;
mod documented;
mod draining;
mod exporting;
mod health;
mod hostile;
mod identity;
mod interop;
mod limiting;
mod listening;
mod load;
mod logging;
mod openings;
mod panics;
mod readying;
mod reflection;
mod refusing;
mod series;
mod spans;
mod tls;
mod user_layers;
