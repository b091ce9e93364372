//! How many instructions of its own a server takes for a call, counted by valgrind.

use std::fs::{self, File};

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::callgrind::{self, NO_TOTALS};
use crate::bench::case::Case;
use crate::bench::contender::Group;
use crate::bench::cores;
use crate::bench::lines;
use crate::bench::results::Results;
use crate::bench::server::Server;

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    if let Err(missing) = cores::tool("valgrind") {
        results.not_measured(format!("instructions: {missing}"));
        return Ok(());
    }
    let mut contenders = bench.group(Group::Headline);
    for built in contenders.extract_if(.., |built| built.contender.source.package().is_none()) {
        let name = built.contender.name;
        results.not_measured(format!("instructions: {name} does not run under valgrind"));
    }
    let table = Table {
        of: "instructions, unary, 10x10".to_owned(),
        numbers: &["instructions/call"],
        contenders,
        rounds: bench.plan.pick(3, 1, 1),
    };
    let load = |server: &Server, case: &Case| bench.load(server, case).map(drop);
    bench.rounds(results, &table, |built| {
        bench.per_call(|case| Ok([counted(bench, built, case, load)?]))
    })
}

/// The instructions of a server from its start to its end, with the calls of a case between.
fn counted(
    bench: &Bench,
    built: &Built,
    case: &Case,
    load: impl Fn(&Server, &Case) -> Result<()>,
) -> Result<u64> {
    let written = watched(bench, built, case, load, &[])?;
    callgrind::totals(&written).ok_or_else(|| NO_TOTALS.into())
}

/// What callgrind writes of that, with these options.
pub(super) fn watched(
    bench: &Bench,
    built: &Built,
    case: &Case,
    load: impl Fn(&Server, &Case) -> Result<()>,
    options: &[&str],
) -> Result<String> {
    let path = bench.file("callgrind");
    let out = format!("--callgrind-out-file={}", path.display());
    // One worker: valgrind lets one thread run at a time, and others would spend their turns in search of work. It also
    // makes all calls some fifty times as long: without as much more time, none would be short any more.
    let (one, short) = ("TOKIO_WORKER_THREADS=1", "ROOTCAP_CONNECTION__SHORT_CALLS_AT_ONCE=10ms");
    let under = [&["env", one, short, "valgrind", "--tool=callgrind", &out], options].concat();
    let under = under.into_iter().map(Into::into).collect();
    let output = bench.file("lines");
    let server = bench.start_as(built, &built.binary, under, File::create(&output)?.into())?;
    load(&server, case)?;
    // No look at `/metrics`: to collect what it has of the process takes valgrind down.
    if let Some(accounts) = &built.contender.accounts {
        lines::arrive(accounts, &output, case.calls)?;
    }
    server.cpu_at_rest()?;
    server.terminate()?;
    Ok(fs::read_to_string(path)?)
}
