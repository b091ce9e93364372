//! Serving: from the builder and the listeners to the connections that carry the calls.

mod accept;
mod activation;
pub(crate) mod aside;
pub(crate) mod backoff;
pub(crate) mod body;
pub(crate) mod border;
mod bound;
pub(crate) mod builder;
pub(crate) mod coalesce;
mod command_line;
mod connection;
pub(crate) mod connections;
mod executor;
pub(crate) mod io_stats;
pub(crate) mod layers;
pub(crate) mod listen;
mod listeners;
pub(crate) mod open_calls;
mod open_files;
pub(crate) mod refusals;
pub(crate) mod router;
pub(crate) mod running;
mod secured;
pub(crate) mod sending;
pub(crate) mod served;
mod start;
