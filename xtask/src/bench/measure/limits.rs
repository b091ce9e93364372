//! What limits take of a call, what they keep of callers, and what they are there for: a server that is offered far more
//! than it may take.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::{instructions, keys};
use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::callgrind::{self, NO_TOTALS};
use crate::bench::case::{Case, OF_A_TENANT};
use crate::bench::client::Latencies;
use crate::bench::contender::{Group, LIMITED_RATE, REFUSING};
use crate::bench::cores;
use crate::bench::plan::Plan;
use crate::bench::results::Results;
use crate::bench::server::Server;

const KIB: f64 = 1024.0;
const CONNECTIONS: u64 = 10;
/// How often a Prometheus, or a curious operator, looks.
const INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let (mut on_calls, overloaded) = (bench.group(Group::Limits), bench.group(Group::Overload));
    let rounds = bench.plan.pick(3, 3, 1);
    let table = Table {
        of: "limits, unary, 10x10".to_owned(),
        numbers: &["instructions/call", "outside of the allocator", "allocations/call"],
        contenders: on_calls.clone(),
        rounds,
    };
    match cores::tool("valgrind") {
        // Of all that a smoke runs it would take longest, and CI holds no number of it.
        Ok(_) if bench.plan == Plan::Smoke => {}
        Ok(_) => bench.rounds(results, &table, |built| costs(bench, built))?,
        Err(missing) => results.not_measured(format!("{}: {missing}", table.of)),
    }
    on_calls.retain(|built| built.contender.name == REFUSING);
    keys::run(bench, results)?;
    let many = bench.plan.pick(1_000_000, 1_000_000, 20_000);
    let table = Table {
        of: format!("limits, {many} callers to be told apart"),
        numbers: &["before KiB", "after KiB"],
        contenders: on_calls,
        rounds: 1,
    };
    bench.rounds(results, &table, |built| callers(bench, built, many))?;
    let table = Table {
        of: format!(
            "limits, {} calls/s offered where {LIMITED_RATE} are let in",
            10 * LIMITED_RATE
        ),
        numbers: &[
            "p99 us, not limited",
            "p99 us",
            "p99, of that not limited",
            "let in/s",
            "health ms",
            "scrape ms",
        ],
        contenders: overloaded,
        rounds: bench.plan.pick(5, 3, 1),
    };
    bench.rounds(results, &table, |built| overload(bench, built))
}

/// Instructions and allocations of a call.
fn costs(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let load = |server: &Server, case: &Case| load(bench, built, server, case);
    let instructions = bench.per_call(|case| {
        let written = instructions::watched(bench, built, case, load, &[])?;
        let all = callgrind::totals(&written).ok_or(NO_TOTALS)?;
        Ok([all, callgrind::outside_of_allocator(&written)?])
    })?;
    let allocations = bench.per_call(|case| {
        let binary = built.counting.as_deref().ok_or("there is no binary that counts")?;
        let server = bench.start_as(built, binary, Vec::new(), Stdio::null())?;
        load(&server, case)?;
        let before = server.heap()?;
        load(&server, case)?;
        server.cpu_at_rest()?;
        Ok([server.heap()?.allocations - before.allocations])
    })?;
    Ok([instructions, allocations].concat())
}

/// Makes the calls of a case, all of one tenant, all of which are answered, or all refused.
fn load(bench: &Bench, built: &Built, server: &Server, case: &Case) -> Result<()> {
    let case = Case { kind: &OF_A_TENANT, ..*case };
    match built.contender.refuses() {
        true => bench.load_refused(server, &case),
        false => bench.load(server, &case).map(drop),
    }
}

/// The memory before and after calls of so many callers, each of whom has used up its quota then.
fn callers(bench: &Bench, built: &Built, keys: u64) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    server.cpu_at_rest()?;
    let before = server.kernel().resident()?;
    bench.client.keys(server.address, keys)?;
    server.cpu_at_rest()?;
    Ok(vec![before as f64 / KIB, server.kernel().resident()? as f64 / KIB])
}

/// The latency of calls that are let in, below the limit and far beyond it, and how long probes take meanwhile.
fn overload(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    let calls = bench.plan.pick(50_000, 25_000, 5_000);
    let offered = |rate, calls| bench.client.open_loop(server.address, CONNECTIONS, rate, calls);
    let alone: Latencies = offered(LIMITED_RATE / 2, calls / 20)?;
    if alone.refused > 0 {
        return Err(format!("{} calls below the limit were refused", alone.refused).into());
    }
    let over = AtomicBool::new(false);
    let (busy, health, scrape) = thread::scope(|scope| {
        let scraper = scope.spawn(|| scrape_until(&over, &server));
        let begun = Instant::now();
        let busy = bench.client.probe(server.address, || {
            let latencies = offered(10 * LIMITED_RATE, calls)?;
            Ok((latencies, begun.elapsed()))
        });
        over.store(true, Relaxed);
        let scrape = scraper.join().map_err(|_| "the scraper panicked")?;
        let (busy, health) = busy?;
        Ok::<_, Box<dyn std::error::Error>>((busy, health, scrape?))
    })?;
    let (latencies, time) = busy;
    let let_in = (calls - latencies.refused) as f64 / time.as_secs_f64();
    let more = latencies.p99 / alone.p99;
    Ok(vec![alone.p99, latencies.p99, more, let_in, health, scrape])
}

/// The longest scrape, in milliseconds.
fn scrape_until(over: &AtomicBool, server: &Server) -> std::result::Result<f64, String> {
    let mut longest = 0f64;
    while !over.load(Relaxed) {
        let begun = Instant::now();
        server.scrape().map_err(|error| error.to_string())?;
        longest = longest.max(begun.elapsed().as_secs_f64() * 1e3);
        thread::sleep(INTERVAL);
    }
    Ok(longest)
}
