//! The whole system over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accepting;
mod activating;
mod aging;
mod blocked;
mod calls;
mod cancellation;
mod checking;
mod clients;
mod closing;
mod configuring;
mod connections;
mod costs;
mod counting;
mod deadlines;
mod deploying;
mod documented;
mod draining;
mod draining_shown;
mod exporting;
mod faulting;
mod health;
mod hostile;
mod identity;
mod interop;
mod leaving;
mod limiting;
mod listening;
mod load;
mod logging;
mod measured;
mod openings;
mod panics;
mod profiling;
mod readying;
mod reflection;
mod refusing;
mod restarting;
mod series;
mod soak;
mod spans;
mod stopping;
mod tls;
mod user_layers;
mod windows;
