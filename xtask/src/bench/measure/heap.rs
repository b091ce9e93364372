//! What a call takes from the heap, by an allocator that counts.

use std::process::Stdio;

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::case::Case;
use crate::bench::contender::Group;
use crate::bench::results::Results;

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let mut contenders = bench.group(Group::Headline);
    for built in contenders.extract_if(.., |built| built.counting.is_none()) {
        results
            .not_measured(format!("heap: {} has no allocator that counts", built.contender.name));
    }
    let table = Table {
        of: "heap, unary, 10x10".to_owned(),
        numbers: &["allocations/call", "bytes/call"],
        contenders,
        rounds: bench.plan.pick(3, 1, 1),
    };
    bench.rounds(results, &table, |built| bench.per_call(|case| taken(bench, built, case)))
}

/// What the calls of a case take from the heap of a server that is warm: buffers and tables grow once.
fn taken(bench: &Bench, built: &Built, case: &Case) -> Result<[u64; 2]> {
    let binary = built.counting.as_deref().ok_or("there is no binary that counts")?;
    let server = bench.start_as(built, binary, Vec::new(), Stdio::null())?;
    bench.load(&server, case)?;
    let before = server.heap()?;
    bench.accounted(built, &server, case.calls, || bench.load(&server, case))?;
    let after = server.heap()?;
    Ok([after.allocations - before.allocations, after.bytes - before.bytes])
}
