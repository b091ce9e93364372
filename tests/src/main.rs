//! The whole system over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod cancellation;
mod listening;
mod reflection;
mod user_layers;
