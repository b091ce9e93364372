//! A gRPC base server.

#[allow(dead_code, unused_imports, reason = "the server that starts it is not here yet")]
mod admin;
mod build_info;

pub use build_info::BuildInfo;
