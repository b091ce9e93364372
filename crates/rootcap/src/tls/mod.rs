//! TLS.

pub(crate) mod identity;
