//! Health checks one after another, as an orchestrator makes them, for how long a busy server keeps them waiting.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::connection::Connection;
use crate::frames::HEALTH;

const INTERVAL: Duration = Duration::from_millis(10);

/// Checks until the end of the input, and prints how many checks there were and the longest time, in microseconds.
pub(crate) fn run(server: SocketAddr) -> Result<()> {
    let mut connection = Connection::asking(server, HEALTH)?;
    let over = AtomicBool::new(false);
    let (mut checks, mut longest) = (0, Duration::ZERO);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Whatever ends the input ends the checks.
            let _ = io::stdin().lock().skip_until(b'\n');
            over.store(true, Relaxed);
        });
        while !over.load(Relaxed) {
            let begun = Instant::now();
            connection.call_and_wait()?;
            longest = longest.max(begun.elapsed());
            checks += 1;
            thread::sleep(INTERVAL);
        }
        println!("checks {checks} longest {:.1}", longest.as_secs_f64() * 1e6);
        Ok(())
    })
}
