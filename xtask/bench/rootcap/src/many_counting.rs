//! The contender `rootcap` with many methods, counting its heap allocations.

#[path = "many.rs"]
mod server;

contender::counting!(server::main);
