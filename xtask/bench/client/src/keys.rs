//! Calls of which each is another caller's, for what a server keeps of each.

use std::net::SocketAddr;

use crate::Result;
use crate::connection::Connection;

/// Calls that are made before their answers are read.
const AT_ONCE: u64 = 100;

/// Makes the calls, and prints how many were refused.
pub(crate) fn run(server: SocketAddr, calls: u64) -> Result<()> {
    let mut connection = Connection::open(server)?;
    connection.keys_from(0);
    let mut begun = 0;
    while begun < calls {
        let next = AT_ONCE.min(calls - begun);
        (0..next).try_for_each(|_| connection.call())?;
        begun += next;
        connection.wait_for(begun)?;
    }
    println!("refused {}", connection.all_ended(calls)?);
    Ok(())
}
