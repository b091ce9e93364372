//! Serving: from the listener to the connection that carries the calls.

pub(crate) mod backoff;
pub(crate) mod coalesce;
pub(crate) mod io_stats;
