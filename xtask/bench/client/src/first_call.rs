//! How long a server takes from its start to its first answer.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::connection::{Connection, PATIENCE};

/// How long to wait before trying again.
const INTERVAL: Duration = Duration::from_micros(100);

/// Starts a server, calls it until it answers, prints the time in microseconds, and ends it.
pub(crate) fn run(address: SocketAddr, program: &str, arguments: &[&str]) -> Result<()> {
    let start = Instant::now();
    let server = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let mut server = Server(server);
    loop {
        // The server listens: from here on, what fails is its fault.
        if let Ok(mut connection) = Connection::open(address) {
            connection.call_and_wait()?;
            break;
        }
        if let Some(status) = server.0.try_wait()? {
            return Err(format!("{program} ended with {status}").into());
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("{program} does not listen on {address}").into());
        }
        thread::sleep(INTERVAL);
    }
    println!("{:.1}", start.elapsed().as_secs_f64() * 1e6);
    Ok(())
}

/// Ends the process when dropped, however the call went.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
