//! What the debug pages take of a call, what they take themselves while much is going on, and what calls notice of that.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::instructions;
use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::callgrind::{self, TELL_WHO_ALLOCATES};
use crate::bench::client::Latencies;
use crate::bench::contender::Group;
use crate::bench::cores;
use crate::bench::plan::Plan;
use crate::bench::results::Results;
use crate::bench::server::Server;
use crate::bench::statistics::Summary;

/// All that a call does for the table of calls, for its phases, and for the numbers of its method, which the latencies of
/// `/debug/latency` are: no setting takes it away, so it is these functions that are watched. None calls another.
const PARTS: &[&str] = &[
    "rootcap::server::connections::Connection::open_call",
    "core::ptr::drop_in_place<rootcap::server::open_calls::OpenCall>",
    "rootcap_layers::call::phases::<impl rootcap_layers::call::Call>::note_handler_polled",
    "rootcap_layers::call::phases::<impl rootcap_layers::call::Call>::note_request_polled",
    "rootcap_layers::call::phases::<impl rootcap_layers::call::Call>::note_body_polled",
    "rootcap_layers::call::phases::<impl rootcap_layers::call::Call>::note_waits_for_handler",
    "rootcap_layers::call::phases::<impl rootcap_layers::call::Call>::end_phases",
    "<rootcap_layers::metrics::observer::CallMetrics as rootcap_layers::observe::observer::Observer>::on_end",
];

/// Calls that go on meanwhile: so many connections, with so many on each.
const OPEN: (u64, u64) = (100, 100);
const HTML: &str = "/debug/calls?limit=10000&format=html";
const JSON: &str = "/debug/calls?limit=10000&format=json";
/// Pages of which one round is the median.
const PAGES: usize = 5;
/// The shortest that there is.
const PROFILE: &str = "/debug/pprof/profile?seconds=1";
/// Calls that are measured: far fewer than would keep the server busy.
const RATE: u64 = 1_000;
const CONNECTIONS: u64 = 10;
/// By the client, which shares its core with who asks for pages: where it is not far below, that is what is measured.
const SENT_LATE: &str = "sent late, p99 us";
/// How long to wait until the calls go on, and how often to look.
const PATIENCE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(10);

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let table = Table {
        of: "debug pages, unary, 10x10".to_owned(),
        numbers: &["instructions/call", "allocations/call"],
        contenders: bench.group(Group::Debug),
        rounds: bench.plan.pick(3, 1, 1),
    };
    match cores::tool("valgrind") {
        // As with limits: it would take longest, and CI holds no number of it.
        Ok(_) if bench.plan == Plan::Smoke => {}
        Ok(_) => bench.rounds(results, &table, |built| costs(bench, built))?,
        Err(missing) => results.not_measured(format!("{}: {missing}", table.of)),
    }
    let rounds = bench.plan.pick(5, 3, 1);
    let table = Table {
        of: format!("{} calls in flight", OPEN.0 * OPEN.1),
        numbers: &[
            "HTML ms",
            "HTML KiB",
            "JSON ms",
            "p50 us",
            "p50 us, shown",
            "p99 us",
            "p99 us, shown",
            SENT_LATE,
        ],
        contenders: bench.group(Group::Debug),
        rounds,
    };
    bench.rounds(results, &table, |built| shown(bench, built))?;
    let table = Table {
        of: "CPU profiles in a row".to_owned(),
        numbers: &[
            "profiles",
            "p50 us",
            "p50 us, profiled",
            "p99 us",
            "p99 us, profiled",
            SENT_LATE,
        ],
        contenders: bench.group(Group::Debug),
        rounds,
    };
    bench.rounds(results, &table, |built| profiled(bench, built))
}

/// Instructions and allocations of a call for what the debug pages show.
fn costs(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    bench.per_call(|case| {
        let load = |server: &Server, case: &_| bench.load(server, case).map(drop);
        let written = instructions::watched(bench, built, case, load, &TELL_WHO_ALLOCATES)?;
        let cost = callgrind::cost(&written, PARTS)?;
        Ok([cost.instructions, cost.allocations])
    })
}

/// How long the page of many calls takes, and the latencies of others, without and with one page after another.
fn shown(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    let _open = bench.client.hold_calls(server.address, OPEN.0, OPEN.1)?;
    wait_for_open(&server)?;
    let (html, size) = page(&server, HTML)?;
    let (json, _) = page(&server, JSON)?;
    let alone = calls(bench, &server)?;
    let (shown, _) = beside(&server, HTML, || calls(bench, &server))?;
    let latencies = [alone.p50, shown.p50, alone.p99, shown.p99, shown.late];
    Ok([&[html, size / 1024.0, json][..], &latencies].concat())
}

/// Waits until the server knows of all calls.
fn wait_for_open(server: &Server) -> Result<()> {
    let expected = format!("Calls in flight: {} ", OPEN.0 * OPEN.1);
    let begun = Instant::now();
    loop {
        let text = String::from_utf8(server.page("/debug/calls?limit=1")?)?;
        if text.starts_with(&expected) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let first = text.lines().next().unwrap_or_default();
            return Err(format!("of {} x {} calls: {first}", OPEN.0, OPEN.1).into());
        }
        thread::sleep(INTERVAL);
    }
}

/// The time of a page as who asks sees it, in milliseconds, and its bytes.
fn page(server: &Server, path: &str) -> Result<(f64, f64)> {
    let one = |_| {
        let start = Instant::now();
        let page = server.page(path)?;
        Ok((start.elapsed().as_secs_f64() * 1e3, page.len() as f64))
    };
    let (times, sizes): (Vec<_>, Vec<_>) =
        (0..PAGES).map(one).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let median = |of| Summary::of(of).map(|it| it.median).ok_or("there is no page");
    Ok((median(times)?, median(sizes)?))
}

/// The latencies, without and with one profile after another; each is that of a whole second.
fn profiled(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    let alone = calls(bench, &server)?;
    let (beside, profiles) = beside(&server, PROFILE, || calls(bench, &server))?;
    Ok(vec![profiles as f64, alone.p50, beside.p50, alone.p99, beside.p99, beside.late])
}

/// Makes calls at a fixed rate, all of which are answered.
fn calls(bench: &Bench, server: &Server) -> Result<Latencies> {
    let calls = bench.plan.pick(20 * RATE, 5 * RATE, RATE);
    let latencies = bench.client.open_loop(server.address, CONNECTIONS, RATE, calls)?;
    match latencies.refused {
        0 => Ok(latencies),
        refused => Err(format!("of {calls} calls, {refused} were refused").into()),
    }
}

/// Asks for a page again and again while `busy` runs; tells how many came, and one did.
fn beside<T>(server: &Server, path: &str, busy: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut pages = 0;
            while !over.load(Relaxed) || pages == 0 {
                server.page(path).map_err(|error| error.to_string())?;
                pages += 1;
            }
            Ok::<_, String>(pages)
        });
        let result = busy();
        over.store(true, Relaxed);
        let pages = asking.join().map_err(|_| "who asks for pages panicked")??;
        Ok((result?, pages))
    })
}
