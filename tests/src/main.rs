//! The whole system over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod cancellation;
mod counting;
mod deadlines;
mod identity;
mod limiting;
mod listening;
mod panics;
mod reflection;
mod user_layers;
