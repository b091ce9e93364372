//! Connections that stay open, for a look at the server's memory; and calls that do, for a look at them.

use std::io::{self, BufRead};
use std::net::SocketAddr;

use crate::Result;
use crate::connection::Connection;
use crate::frames::UNFINISHED;

/// Opens connections; after a line of input makes a call on each; at the end of the input closes them.
pub(crate) fn run(server: SocketAddr, connections: u32) -> Result<()> {
    let mut connections =
        (0..connections).map(|_| Connection::open(server)).collect::<Result<Vec<_>>>()?;
    connections.iter_mut().try_for_each(Connection::wait_until_greeted)?;
    println!("open");
    let mut input = io::stdin().lock();
    if input.read_line(&mut String::new())? == 0 {
        return Ok(());
    }
    connections.iter_mut().try_for_each(Connection::call_and_wait)?;
    println!("called");
    input.skip_until(b'\n')?;
    Ok(())
}

/// Begins calls that do not end, as many on each connection, and waits for the end of the input. It answers no ping
/// meanwhile: that is to come before a server misses them.
pub(crate) fn calls(server: SocketAddr, connections: u32, calls: u32) -> Result<()> {
    let open = |_| {
        let mut connection = Connection::asking(server, UNFINISHED)?;
        connection.wait_until_greeted()?;
        (0..calls).try_for_each(|_| connection.call())?;
        Ok(connection)
    };
    let _connections = (0..connections).map(open).collect::<Result<Vec<_>>>()?;
    println!("open");
    io::stdin().lock().skip_until(b'\n')?;
    Ok(())
}
