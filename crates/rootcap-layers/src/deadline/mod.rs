//! Deadlines.

pub(crate) mod grpc_timeout;
