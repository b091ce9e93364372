//! Connections that stay open, for a look at the server's memory.

use std::io::{self, BufRead};
use std::net::SocketAddr;

use crate::Result;
use crate::connection::Connection;

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
