//! In a closed loop: what a call takes of the server's processor, and how many it can answer.

use std::time::Duration;

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::case::{Case, LARGE, STREAMING};
use crate::bench::contender::Group;
use crate::bench::results::Results;

/// Calls that warm a server up.
const WARM_UP: u64 = 2_000;

pub(super) fn unary(bench: &Bench, results: &mut Results) -> Result<()> {
    let calls = bench.plan.pick(16_000, 5_000, 500);
    compare(bench, results, &Case::unary(1, 1, calls), Group::Headline)?;
    busy(bench).iter().try_for_each(|case| compare(bench, results, case, Group::Headline))
}

pub(super) fn lto(bench: &Bench, results: &mut Results) -> Result<()> {
    busy(bench).iter().try_for_each(|case| compare(bench, results, case, Group::Lto))
}

/// Beside `bare` and `rootcap`, in rounds of their own.
pub(super) fn parts(bench: &Bench, results: &mut Results) -> Result<()> {
    let calls = bench.plan.pick(40_000, 16_000, 1_000);
    let ours = |built: &&Built| ["bare", "rootcap"].contains(&built.contender.name);
    let mut contenders: Vec<_> = bench.group(Group::Headline).into_iter().filter(ours).collect();
    contenders.extend(bench.group(Group::Price));
    let case = Case::unary(10, 10, calls);
    table(bench, results, format!("{}, without parts", case.name()), &case, contenders)
}

pub(super) fn streaming(bench: &Bench, results: &mut Results) -> Result<()> {
    let calls = bench.plan.pick(650, 160, 20);
    let case = Case { kind: &STREAMING, connections: 5, streams: 2, calls };
    compare(bench, results, &case, Group::Headline)
}

pub(super) fn large(bench: &Bench, results: &mut Results) -> Result<()> {
    let calls = bench.plan.pick(350, 100, 20);
    let case = Case { kind: &LARGE, connections: 5, streams: 2, calls };
    compare(bench, results, &case, Group::Headline)
}

fn busy(bench: &Bench) -> [Case; 2] {
    let calls = bench.plan.pick(70_000, 33_000, 2_000);
    [Case::unary(10, 10, calls), Case::unary(50, 100, calls.max(5_000))]
}

fn compare(bench: &Bench, results: &mut Results, case: &Case, group: Group) -> Result<()> {
    let suffix = if group == Group::Lto { ", lto" } else { "" };
    table(bench, results, case.name() + suffix, case, bench.group(group))
}

fn table(
    bench: &Bench,
    results: &mut Results,
    of: String,
    case: &Case,
    contenders: Vec<&Built>,
) -> Result<()> {
    let numbers = match case.kind.replies {
        1 => &["CPU us/call", "calls/s"],
        _ => &["CPU us/message", "messages/s"],
    };
    // Many short ones: the machine is fast or slow for seconds, and those who are compared should see the same.
    let rounds = bench.plan.pick(21, 15, 1);
    bench.rounds(results, &Table { of, numbers, contenders, rounds }, |built| {
        turn(bench, built, case)
    })
}

/// Starts a contender, warms it up, and measures one run.
fn turn(bench: &Bench, built: &Built, case: &Case) -> Result<Vec<f64>> {
    let server = bench.start(built)?;
    let calls = (WARM_UP / case.kind.replies).min(case.calls).max(1);
    bench.load(&server, &Case { calls: calls.max(case.connections), ..*case })?;
    let (load, cpu) = bench.accounted(built, &server, case.calls, || {
        let before = server.cpu_at_rest()?;
        let load = bench.load(&server, case)?;
        Ok((load, server.cpu_at_rest()?.saturating_sub(before)))
    })?;
    let replies = case.kind.replies as f64;
    Ok(vec![microseconds(cpu) / (case.calls as f64 * replies), load.rate * replies])
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
