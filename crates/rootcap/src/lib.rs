//! A gRPC base server.

pub mod config;
#[allow(dead_code, reason = "the connection driver, which uses all of it, is written next door")]
mod server;
