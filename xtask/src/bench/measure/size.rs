//! What a server weighs: its binary, its crates, and the time to build it from nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::client::said;
use crate::bench::contender::Group;
use crate::bench::cores;
use crate::bench::directory::Directory;
use crate::bench::results::Results;
use crate::cargo_command;

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    if let Err(missing) = cores::tool("strip") {
        results.not_measured(format!("size: {missing}"));
    } else {
        let contenders = bench.group(Group::Headline);
        let of = "size of the stripped binary".to_owned();
        let table = Table { of, numbers: &["KiB"], contenders, rounds: 1 };
        bench.rounds(results, &table, |built| stripped(bench, built))?;
    }
    let of = "crates, its own included".to_owned();
    let table = Table { of, numbers: &["crates"], contenders: in_rust(bench), rounds: 1 };
    bench.rounds(results, &table, crates)
}

/// Takes minutes, and all cores.
pub(super) fn build(bench: &Bench, results: &mut Results) -> Result<()> {
    let ours = |built: &&Built| ["bare", "rootcap"].contains(&built.contender.name);
    let contenders = in_rust(bench).into_iter().filter(ours).collect();
    let of = "build from nothing, all crates downloaded".to_owned();
    let table = Table { of, numbers: &["s"], contenders, rounds: 1 };
    bench.rounds(results, &table, from_nothing)
}

fn in_rust(bench: &Bench) -> Vec<&Built> {
    let is_rust = |built: &&Built| built.contender.source.package().is_some();
    bench.group(Group::Headline).into_iter().filter(is_rust).collect()
}

fn stripped(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let path = bench.file("stripped");
    said(Command::new("strip").arg("-o").arg(&path).arg(&built.binary))?;
    Ok(vec![fs::metadata(path)?.len() as f64 / 1024.0])
}

/// Counts crates that are part of the program; those that only its build scripts use are not.
fn crates(built: &Built) -> Result<Vec<f64>> {
    let format = ["--edges=normal", "--prefix=none", "--no-dedupe", "--format={p}"];
    let tree = said(cargo("tree", built)?.args(format))?;
    Ok(vec![tree.lines().collect::<BTreeSet<_>>().len() as f64])
}

fn from_nothing(built: &Built) -> Result<Vec<f64>> {
    let directory = Directory::new()?;
    let mut command = cargo("build", built)?;
    command.args(["--release", "--quiet", "--bin", built.contender.binary]);
    command.arg("--target-dir").arg(directory.path());
    let start = Instant::now();
    said(&mut command)?;
    Ok(vec![start.elapsed().as_secs_f64()])
}

/// A task of Cargo's, of the package that a contender is built from.
fn cargo(task: &str, built: &Built) -> Result<Command> {
    let package = built.contender.source.package().ok_or("it is no package of Cargo's")?;
    Ok(cargo_command(&[task, "--manifest-path=xtask/bench/Cargo.toml", "--package", package]))
}
