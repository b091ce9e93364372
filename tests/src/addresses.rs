//! Addresses for programs that cannot be told to choose a port and say which.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
};

/// An address where nobody listens, below the ports that the system gives to connections: no client takes it meanwhile.
pub fn free() -> SocketAddr {
    const FIRST: u16 = 20_000;
    const NUMBER: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two runs at a time begin at different ports.
    let run = (process::id() % u32::from(NUMBER)) as u16;
    loop {
        let port = FIRST + (run + NEXT.fetch_add(1, Relaxed)) % NUMBER;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
