//! A gRPC base server.

pub mod telemetry;
