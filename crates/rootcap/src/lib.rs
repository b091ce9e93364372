//! A gRPC base server.

pub mod config;
