//! A gRPC base server.

#[allow(
    dead_code,
    reason = "the connection driver, which uses all of it, is written next door"
)]
mod server;
