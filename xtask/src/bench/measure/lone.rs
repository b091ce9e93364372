//! What a call has of writes that are put together when there is nothing to put together: it is alone on its connection,
//! on a server that is idle, and on one that is busy with others.

use std::ffi::OsString;
use std::process::Stdio;

use super::latency::{CONNECTIONS, RATE};
use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::client::Latencies;
use crate::bench::contender::SCATTERED;
use crate::bench::results::Results;

/// Calls per second to a server that is otherwise idle: all its threads sleep when the next one comes.
const RARE: u64 = 500;

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let compared = ["bare", "rootcap", SCATTERED];
    for &workers in bench.plan.pick(&[1, 2][..], &[1, 2], &[2]) {
        let of_interest = |built: &&Built| compared.contains(&built.contender.name);
        let table = Table {
            of: format!("a lone call, {workers} worker{}", if workers == 1 { "" } else { "s" }),
            numbers: &["p50 us", "p90 us", "p50 us, busy", "p90 us, busy"],
            contenders: bench.contenders.iter().filter(of_interest).collect(),
            rounds: bench.plan.pick(7, 5, 1),
        };
        bench.rounds(results, &table, |built| turn(bench, built, workers))?;
    }
    Ok(())
}

fn turn(bench: &Bench, built: &Built, workers: u32) -> Result<Vec<f64>> {
    let under: [OsString; 2] = ["env".into(), format!("TOKIO_WORKER_THREADS={workers}").into()];
    let server = bench.start_as(built, &built.binary, under.to_vec(), Stdio::null())?;
    let latencies = |connections, rate, calls| -> Result<Latencies> {
        bench.accounted(built, &server, calls + connections, || {
            bench.client.open_loop(server.address, connections, rate, calls)
        })
    };
    let idle = latencies(1, RARE, bench.plan.pick(1_000, 1_000, 50))?;
    let busy = latencies(CONNECTIONS, RATE, bench.plan.pick(10_000, 5_000, 500))?;
    Ok(vec![idle.p50, idle.p90, busy.p50, busy.p90])
}
