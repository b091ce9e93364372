//! A gRPC base server.

pub mod config;
#[allow(dead_code, reason = "for the server to call, which is not here yet")]
mod descriptors;
#[allow(dead_code, reason = "for the server to call, which is not here yet")]
pub mod health;
#[allow(dead_code, reason = "for the server to call, which is not here yet")]
mod reflection;
#[allow(dead_code, reason = "the connection driver, which uses all of it, is written next door")]
mod server;
