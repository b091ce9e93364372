//! What a contender's process is started with: its addresses and settings, and none of whoever runs the benchmark.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use super::Result;
use super::contender::Contender;
use crate::root;

/// Settings of whoever runs the benchmark; contenders run with their own.
const SETTINGS: [&str; 6] =
    ["BENCH_", "GO", "OTEL_", "ROOTCAP_", "RUST_LOG", "TOKIO_WORKER_THREADS"];
/// Where a counting variant tells its count: the name that `contender::allocations` reads.
const ALLOCATIONS_LISTEN: &str = "BENCH_ALLOCATIONS_LISTEN";

/// Where a contender listens. It is told its addresses, instead of asked for them, because its output goes elsewhere.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) service: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) allocations: SocketAddr,
}

impl Addresses {
    /// Three that nobody listens on.
    pub(crate) fn free() -> Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // All are held until the last is found, so that no two are the same.
        let held = [TcpListener::bind(any)?, TcpListener::bind(any)?, TcpListener::bind(any)?];
        let [service, admin, allocations] = &held;
        Ok(Self {
            service: service.local_addr()?,
            admin: admin.local_addr()?,
            allocations: allocations.local_addr()?,
        })
    }
}

/// Gives a command that starts a contender the environment that this one needs.
pub(crate) fn configure(command: &mut Command, contender: &Contender, addresses: &Addresses) {
    for (name, _) in env::vars_os() {
        if SETTINGS.iter().any(|setting| name.to_string_lossy().starts_with(setting)) {
            command.env_remove(name);
        }
    }
    command
        .env(contender.listen, addresses.service.to_string())
        .env(ALLOCATIONS_LISTEN, addresses.allocations.to_string())
        .envs(contender.settings.iter().copied())
        .current_dir(root());
    if let Some(accounts) = &contender.accounts {
        command.env(accounts.admin_listen, addresses.admin.to_string());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn free_addresses_differ() {
        let Addresses { service, admin, allocations } = Addresses::free().unwrap();
        assert!(service != admin && admin != allocations && service != allocations);
        assert_ne!(service.port(), 0);
    }
}
