//! TLS without a server.
