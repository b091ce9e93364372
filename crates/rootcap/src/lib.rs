//! A gRPC base server.

#[allow(dead_code, reason = "for the server to call, which is not here yet")]
mod descriptors;
#[allow(dead_code, reason = "for the server to call, which is not here yet")]
pub mod health;
#[allow(dead_code, reason = "for the server to call, which is not here yet")]
mod reflection;
