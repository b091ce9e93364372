//! What a server keeps in memory: idle, for each connection, and after much work.

use std::fs;
use std::process::Stdio;

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::case::Case;
use crate::bench::client::SPARE_FILES;
use crate::bench::contender::Group;
use crate::bench::results::Results;

const KIB: f64 = 1024.0;
/// What the contenders of [`Group::Memory`] have.
const METHODS: u64 = 1_000;

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let calls = bench.plan.pick(200_000, 200_000, 5_000);
    let table = Table {
        of: format!("resident memory, before and after {calls} calls"),
        numbers: &["idle KiB", "after KiB"],
        contenders: bench.group(Group::Headline),
        rounds: bench.plan.pick(3, 1, 1),
    };
    bench.rounds(results, &table, |built| used(bench, built, calls))?;
    let most = open_files()?;
    for &connections in bench.plan.pick(&[1_000, 5_000][..], &[1_000, 5_000], &[100]) {
        let of = format!("resident memory of each of {connections} idle connections");
        if files(connections) > most {
            results.not_measured(format!("{of}: a process may open {most} files (`ulimit -Hn`)"));
            continue;
        }
        let numbers = &["before its first call KiB", "after its first call KiB"];
        let table = Table { of, numbers, ..table_of(&table) };
        bench.rounds(results, &table, |built| held(bench, built, connections))?;
    }
    let of = format!("resident memory with {METHODS} methods");
    let numbers = &["idle KiB", "after a call of each KiB"];
    let contenders = bench.group(Group::Memory);
    let table = Table { of, numbers, contenders, rounds: table.rounds };
    bench.rounds(results, &table, |built| of_methods(bench, built))
}

/// The same contenders and rounds.
fn table_of<'a>(table: &Table<'a>) -> Table<'a> {
    Table {
        of: String::new(),
        numbers: &[],
        contenders: table.contenders.clone(),
        rounds: table.rounds,
    }
}

/// Idle, and after so many calls whose connections are closed again.
fn used(bench: &Bench, built: &Built, calls: u64) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    server.cpu_at_rest()?;
    let idle = server.kernel().resident()?;
    let case = Case::unary(10, 10, calls);
    bench.accounted(built, &server, calls, || bench.load(&server, &case))?;
    Ok(vec![idle as f64 / KIB, server.kernel().resident()? as f64 / KIB])
}

/// With many methods, idle and after a call of each.
fn of_methods(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    server.cpu_at_rest()?;
    let idle = server.kernel().resident()?;
    bench.accounted(built, &server, METHODS, || bench.load_each(&server, METHODS, 0))?;
    Ok(vec![idle as f64 / KIB, server.kernel().resident()? as f64 / KIB])
}

/// For each of some connections, before and after the first call of each.
fn held(bench: &Bench, built: &Built, connections: u64) -> Result<Vec<f64>> {
    let files = format!("--nofile={}:", files(connections));
    let under = ["prlimit", &files].map(Into::into).to_vec();
    let server = bench.start_as(built, &built.binary, under, Stdio::null())?;
    server.cpu_at_rest()?;
    let without = server.kernel().resident()?;
    let each = |with: u64| (with as f64 - without as f64) / KIB / connections as f64;
    let mut held = bench.client.hold(server.address, connections)?;
    server.cpu_at_rest()?;
    let before = each(server.kernel().resident()?);
    bench.accounted(built, &server, connections, || held.call())?;
    Ok(vec![before, each(server.kernel().resident()?)])
}

/// How many files a server must be able to open: by default Rootcap takes half of them for connections.
fn files(connections: u64) -> u64 {
    2 * connections + SPARE_FILES
}

/// How many files a process of this user's may open, if it asks for as many as it may.
fn open_files() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/limits")?;
    hard_limit(&text).ok_or_else(|| "/proc/self/limits tells no limit of open files".into())
}

fn hard_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().nth(1)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_is_the_second() {
        let limits = |hard: &str| {
            hard_limit(&format!("Limit Soft Hard Units\nMax open files   1024   {hard}   files\n"))
        };
        assert_eq!(limits("20000"), Some(20_000));
        assert_eq!(limits("unlimited"), Some(u64::MAX));
        assert_eq!(hard_limit(""), None);
    }
}
