//! Calls at a fixed rate, spread over some connections. One thread that never sleeps: a timer's resolution, or the time
//! that a thread takes to wake up, would be as long as what is measured. It has a core of its own.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::connection::{Connection, End, PATIENCE};
use crate::schedule::Schedule;

/// Makes the calls, and prints percentiles of the latencies of those that were not refused, in microseconds.
pub(crate) fn run(server: SocketAddr, connections: u32, rate: u32, calls: u64) -> Result<()> {
    if connections == 0 || rate == 0 || calls == 0 {
        return Err("neither connections, rate nor calls may be 0".into());
    }
    let mut connections =
        (0..connections).map(|_| connect(server)).collect::<Result<Vec<Connection>>>()?;
    let mut schedule = Schedule::new(rate, calls);
    drive(&mut connections, &mut schedule)?;
    let count = connections.len() as u64;
    for (index, connection) in (0..).zip(&connections) {
        // The first call on each is not the schedule's.
        connection.all_ended(1 + (calls + count - 1 - index) / count)?;
    }
    print(&schedule);
    Ok(())
}

/// Connects, and makes a first call: the fields of later ones are then known to the server.
fn connect(server: SocketAddr) -> Result<Connection> {
    let mut connection = Connection::open(server)?;
    connection.call()?;
    connection.wait_for(1)?;
    connection.never_wait()?;
    Ok(connection)
}

/// Call `n` is made on connection `n % connections`, so that a stream's number tells which call it is.
fn drive(connections: &mut [Connection], schedule: &mut Schedule) -> Result<()> {
    let count = connections.len() as u64;
    let start = Instant::now();
    let mut last_end = Duration::ZERO;
    while !schedule.is_over() {
        for call in schedule.begin(start.elapsed()) {
            connections[(call % count) as usize].call()?;
        }
        for (index, connection) in (0..).zip(&mut *connections) {
            connection.receive(|stream, end| {
                last_end = start.elapsed();
                match end {
                    // Streams are odd, and the first was made before the start.
                    End::Answered => {
                        schedule.end((u64::from(stream) / 2 - 1) * count + index, last_end);
                    }
                    End::Refused => schedule.refuse(),
                }
            })?;
        }
        if start.elapsed() > last_end + PATIENCE {
            return Err(format!("only {} calls ended", schedule.ended()).into());
        }
        // For the server, where there is but one core.
        thread::yield_now();
    }
    Ok(())
}

fn print(schedule: &Schedule) {
    let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
    let at = |quantile| us(schedule.latencies.value_at_quantile(quantile));
    println!(
        "p50 {:.1} p90 {:.1} p99 {:.1} late {:.1} refused {}",
        at(0.5),
        at(0.9),
        at(0.99),
        us(schedule.lateness.value_at_quantile(0.99)),
        schedule.refused
    );
}
