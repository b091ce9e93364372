//! The contender `hyper, refusing`, counting its heap allocations.

#[path = "main.rs"]
mod server;

contender::counting!(server::main);
