//! Serving: from the builder and the listeners to the connections that carry the calls.

mod accept;
pub(crate) mod aside;
pub(crate) mod backoff;
mod begun;
pub(crate) mod body;
pub(crate) mod border;
pub(crate) mod builder;
pub(crate) mod caps;
pub(crate) mod coalesce;
mod command_line;
mod connection;
pub(crate) mod connections;
mod executor;
pub(crate) mod io_stats;
pub(crate) mod layers;
pub(crate) mod listen;
mod listeners;
pub(crate) mod open_files;
mod pings;
pub(crate) mod refusals;
pub(crate) mod router;
pub(crate) mod running;
mod secured;
pub(crate) mod served;
mod spoken;
mod start;
mod told;
