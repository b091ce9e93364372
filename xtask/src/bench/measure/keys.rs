//! What it takes to ask a rule about one of many callers: the example `keys` of the layers, without a server around it.

use std::process::Command;

use crate::bench::Result;
use crate::bench::bench::Bench;
use crate::bench::client::said;
use crate::bench::plan::Plan;
use crate::bench::results::{Number, Results};

const OF: &str = "limits, a caller's rate is asked for";
/// How many callers there are, each of whom has used up something.
const KEYS: [(&str, u64); 2] = [("1 caller", 1), ("100000 callers", 100_000)];

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    // It takes a build of its own.
    if bench.plan == Plan::Smoke {
        return Ok(());
    }
    let rounds = bench.plan.pick(7, 5, 1);
    println!("measuring {OF}, {rounds} rounds");
    let mut samples = KEYS.map(|(name, _)| (name, Vec::new()));
    for _ in 0..rounds {
        for ((_, keys), (_, samples)) in KEYS.iter().zip(&mut samples) {
            samples.push(asked(bench, *keys)?);
        }
    }
    results.numbers.extend(Number::new(OF, "ns/call", rounds, samples.into()));
    Ok(())
}

/// Nanoseconds that a call takes.
fn asked(bench: &Bench, keys: u64) -> Result<f64> {
    // Of one caller, no more than a rule lets through at once.
    const CALLS: u64 = 800_000;
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &bench.cores.server.to_string()]);
    command.args(["cargo", "run", "--quiet", "--release", "--package", "rootcap-layers"]);
    command.args(["--example", "keys", "--", "keyed", &keys.to_string(), &CALLS.to_string()]);
    let said = said(&mut command)?;
    let nanos = said.strip_prefix("keyed: ").and_then(|rest| rest.split(' ').next()?.parse().ok());
    nanos.ok_or_else(|| format!("the example said something else: {said}").into())
}
