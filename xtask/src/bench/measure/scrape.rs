//! What it takes to render `/metrics` when there is much of it, and what calls notice of that.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::latency;
use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::contender::Group;
use crate::bench::results::Results;
use crate::bench::server::Server;
use crate::bench::statistics::Summary;

/// What the contenders of [`Group::Scrape`] have.
const METHODS: u64 = 200;
/// The statuses of gRPC.
const CODES: u64 = 17;
/// Scrapes of which one round is the median.
const SCRAPES: u32 = 10;
/// Who scrapes at the same moments, and how often: a Prometheus comes by every quarter of a minute.
const SCRAPERS: usize = 4;
const INTERVAL: Duration = Duration::from_millis(250);

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let rounds = bench.plan.pick(7, 3, 1);
    let table = Table {
        of: format!("a scrape of {METHODS} methods x {CODES} codes"),
        numbers: &["ms", "KiB", "allocations", "allocated KiB"],
        contenders: bench.group(Group::Scrape),
        rounds,
    };
    bench.rounds(results, &table, |built| one(bench, built))?;
    let per_second = SCRAPERS as u128 * 1_000 / INTERVAL.as_millis();
    let table = Table {
        of: format!("latency while {SCRAPERS} scrape at once, {per_second} scrapes/s in all"),
        numbers: &["p50 us", "p50 us, scraped", "p99 us", "p99 us, scraped"],
        contenders: bench.group(Group::Scrape),
        rounds,
    };
    bench.rounds(results, &table, |built| several(bench, built))
}

/// The time of a scrape as who scrapes sees it, its size, and what it takes from the heap.
fn one(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    see_all(bench, &server)?;
    let times = (0..SCRAPES).map(|_| {
        let start = Instant::now();
        server.scrape()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    });
    let times = Summary::of(times.collect::<Result<Vec<_>>>()?).ok_or("nobody scrapes")?;
    let size = server.scrape()?.len();
    drop(server);

    let counting = built.counting.as_deref().ok_or("there is no binary that counts")?;
    let server = bench.start_as(built, counting, Vec::new(), Stdio::null())?;
    see_all(bench, &server)?;
    // The first one is not like the others: buffers grow once.
    server.scrape()?;
    let before = server.heap()?;
    for _ in 0..SCRAPES {
        server.scrape()?;
    }
    let after = server.heap()?;
    let each = |after: u64, before: u64| (after - before) as f64 / f64::from(SCRAPES);
    let allocations = each(after.allocations, before.allocations);
    let bytes = each(after.bytes, before.bytes);
    Ok(vec![times.median, size as f64 / 1024.0, allocations, bytes / 1024.0])
}

/// Lets every method end with every status, and checks that the page tells of all.
fn see_all(bench: &Bench, server: &Server) -> Result<()> {
    (0..CODES).try_for_each(|code| bench.load_each(server, METHODS, code))?;
    server.cpu_at_rest()?;
    let seen = seen(&server.scrape()?);
    if seen != METHODS * CODES {
        let expected = METHODS * CODES;
        return Err(
            format!("/metrics tells of {seen} instead of {expected} methods and codes").into()
        );
    }
    Ok(())
}

/// The methods and codes of the service that have been counted.
fn seen(text: &str) -> u64 {
    let is_seen = |line: &&str| {
        line.starts_with("grpc_server_handled_total{")
            && line.contains("grpc_service=\"bench.Many\"")
            && !line.ends_with("} 0")
    };
    text.lines().filter(is_seen).count() as u64
}

/// Percentiles of the latency, without and with those who scrape.
fn several(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    see_all(bench, &server)?;
    let alone = latency::open_loop(bench, built, &server)?;
    let over = AtomicBool::new(false);
    let scraped = thread::scope(|scope| {
        let scrapers: Vec<_> =
            (0..SCRAPERS).map(|_| scope.spawn(|| scrape_until(&over, &server))).collect();
        let latencies = latency::open_loop(bench, built, &server);
        over.store(true, Ordering::Relaxed);
        for scraper in scrapers {
            scraper.join().map_err(|_| "a scraper panicked")?.map_err(|error| error.to_string())?;
        }
        latencies
    })?;
    Ok(vec![alone.p50, scraped.p50, alone.p99, scraped.p99])
}

/// Scrapes at each interval's beginning, which is the same for all.
fn scrape_until(over: &AtomicBool, server: &Server) -> std::result::Result<(), String> {
    let start = Instant::now();
    for turn in 1.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        server.scrape().map_err(|error| error.to_string())?;
        thread::sleep((INTERVAL * turn).saturating_sub(start.elapsed()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_seen() {
        let line = |service: &str, count: &str| {
            format!(
                "grpc_server_handled_total{{grpc_service=\"{service}\",grpc_method=\"M1\"}} {count}\n"
            )
        };
        let text = line("bench.Many", "10") + &line("bench.Many", "0") + &line("other", "1");
        assert_eq!(seen(&text), 1);
        assert_eq!(seen(""), 0);
    }
}
