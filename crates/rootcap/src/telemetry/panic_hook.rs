//! Stub.
pub(crate) fn install() {}
pub(crate) fn warn_if_abort() {}
