//! How long a server takes from exec to its first answer.

use std::process::Stdio;

use crate::bench::Result;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::client::said;
use crate::bench::contender::Group;
use crate::bench::environment::{Addresses, configure};
use crate::bench::results::Results;

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    let table = Table {
        of: "start, exec to the first answer".to_owned(),
        numbers: &["ms"],
        contenders: bench.group(Group::Headline),
        rounds: bench.plan.pick(21, 11, 1),
    };
    bench.rounds(results, &table, |built| turn(bench, built))
}

fn turn(bench: &Bench, built: &Built) -> Result<Vec<f64>> {
    let addresses = Addresses::free()?;
    let mut command = bench.client.first_call(addresses.service, &built.binary);
    configure(&mut command, built.contender, &addresses);
    let microseconds: f64 = said(command.stdin(Stdio::null()))?.parse()?;
    Ok(vec![microseconds / 1e3])
}
