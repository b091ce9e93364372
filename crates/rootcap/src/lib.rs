//! A gRPC base server.
