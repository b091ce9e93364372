//! In an open loop: how long calls take when they come at a fixed rate, whatever the server does.

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::case::Case;
use crate::bench::client::Latencies;
use crate::bench::contender::Group;
use crate::bench::results::Results;
use crate::bench::server::Server;

pub(super) const RATE: u64 = 5_000;
pub(super) const CONNECTIONS: u64 = 10;
const WARM_UP: Case = Case::unary(10, 10, 2_000);

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let table = Table {
        of: format!("latency, {RATE} calls/s on {CONNECTIONS} connections"),
        numbers: &["p50 us", "p90 us", "p99 us", "sent late, p99 us"],
        contenders: bench.group(Group::Headline),
        rounds: bench.plan.pick(7, 5, 1),
    };
    bench.rounds(results, &table, |built| turn(bench, built))
}

fn turn(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    let Latencies { p50, p90, p99, late, .. } = open_loop(bench, built, &server)?;
    Ok(vec![p50, p90, p99, late])
}

/// Warms a server up, and makes calls at the fixed rate.
pub(super) fn open_loop(bench: &Bench, built: &Built, server: &Server) -> Result<Latencies> {
    bench.load(server, &WARM_UP)?;
    let calls = bench.plan.pick(25_000, 10_000, 1_000);
    let latencies = bench.accounted(built, server, calls + CONNECTIONS, || {
        bench.client.open_loop(server.address, CONNECTIONS, RATE, calls)
    })?;
    match latencies.refused {
        0 => Ok(latencies),
        refused => Err(format!("of {calls} calls, {refused} were refused").into()),
    }
}
