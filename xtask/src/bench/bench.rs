//! What all measurements share: who is measured, who calls from where, and rounds in which all take their turn.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::build::Built;
use super::case::Case;
use super::client::Client;
use super::contender::Group;
use super::cores::Cores;
use super::directory::Directory;
use super::h2load;
use super::plan::Plan;
use super::results::{Number, Results};
use super::server::{Server, Start};
use super::{Result, verify};

/// Without a round that counts by then, there will be none.
const ROUNDS_TO_FAIL: usize = 3;

pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) contenders: Vec<Built>,
    pub(crate) cores: Cores,
    /// As many calls as the server answers.
    pub(crate) h2load: h2load::Client,
    /// Everything else that calls.
    pub(crate) client: Client,
    directory: Directory,
}

/// A table to be filled: numbers of contenders, of which the first is the base.
pub(crate) struct Table<'a> {
    pub(crate) of: String,
    pub(crate) numbers: &'a [&'a str],
    pub(crate) contenders: Vec<&'a Built>,
    pub(crate) rounds: usize,
}

impl Bench {
    pub(crate) fn new(plan: Plan, contenders: Vec<Built>, client: PathBuf) -> Result<Self> {
        let directory = Directory::new()?;
        let cores = Cores::choose()?;
        let h2load = h2load::Client::new(cores.client, directory.path());
        let client = Client::new(client, cores.client);
        Ok(Self { plan, contenders, cores, h2load, client, directory })
    }

    /// A file of this run's own.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn group(&self, group: Group) -> Vec<&Built> {
        self.contenders.iter().filter(|built| built.contender.group == group).collect()
    }

    /// Starts a contender; its output goes nowhere.
    pub(crate) fn start(&self, built: &Built) -> Result<Server> {
        self.start_as(built, &built.binary, Vec::new(), Stdio::null())
    }

    /// Starts a binary of a contender, under a program that watches it, if there is one.
    pub(crate) fn start_as(
        &self,
        built: &Built,
        binary: &Path,
        under: Vec<OsString>,
        output: Stdio,
    ) -> Result<Server> {
        Server::start(Start {
            contender: built.contender,
            binary,
            core: self.cores.server,
            under,
            output,
            errors: &self.file("errors"),
        })
    }

    /// Fills a table. All contenders take their turn in each round, in a random order: none is always the one that
    /// finds the caches warm. A turn gives a value for each number; if it fails, the round does not count.
    ///
    /// # Errors
    ///
    /// When no round counts.
    pub(crate) fn rounds(
        &self,
        results: &mut Results,
        table: &Table<'_>,
        turn: impl Fn(&Built) -> Result<Vec<f64>>,
    ) -> Result<()> {
        println!("measuring {}, {} rounds", table.of, table.rounds);
        let mut rounds: Vec<Vec<Vec<f64>>> = Vec::new();
        for round in 1..=table.rounds {
            match one_round(&table.contenders, &turn) {
                Ok(values) => rounds.push(values),
                Err(reason) => {
                    println!("  a round does not count: {reason}");
                    results.discarded.push(format!("{}: {reason}", table.of));
                }
            }
            if rounds.is_empty() && round == ROUNDS_TO_FAIL {
                break;
            }
        }
        for (index, name) in table.numbers.iter().enumerate() {
            let samples = (0..).zip(&table.contenders).map(|(contender, built): (usize, _)| {
                let samples = rounds.iter().map(|round| round[contender][index]).collect();
                (built.contender.name, samples)
            });
            let number = Number::new(&table.of, name, table.rounds, samples.collect());
            results.numbers.push(number.ok_or("no round counts")?);
        }
        Ok(())
    }

    /// Makes the calls of a case, and checks that each was answered with the whole reply.
    pub(crate) fn load(&self, server: &Server, case: &Case) -> Result<h2load::Load> {
        let load = self.h2load.run(server.address, case)?;
        verify::client(case, &load)?;
        Ok(load)
    }

    /// Makes the calls of a case, and checks that each was answered, be it with a refusal.
    pub(crate) fn load_refused(&self, server: &Server, case: &Case) -> Result<()> {
        let load = self.h2load.run(server.address, case)?;
        Ok(verify::answered(case.calls, &load)?)
    }

    /// Makes a call of each of so many methods, and checks that each was answered, whatever its status.
    pub(crate) fn load_each(&self, server: &Server, methods: u64, code: u64) -> Result<()> {
        let load = self.h2load.run_each(server.address, methods, code)?;
        Ok(verify::answered(methods, &load)?)
    }

    /// Lets a load be made of so many calls, and checks that the server accounts for all: for the calls, and for the
    /// log lines that it promises. It comes to rest before and after, outside of what the load measures.
    pub(crate) fn accounted<T>(
        &self,
        built: &Built,
        server: &Server,
        calls: u64,
        load: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        server.cpu_at_rest()?;
        let before = server.tally()?;
        let result = load()?;
        server.cpu_at_rest()?;
        if let Some((after, before)) = server.tally()?.zip(before) {
            verify::server(calls, built.lines_per_call(), &after.since(before))?;
        }
        Ok(result)
    }

    /// What each call adds to things that are counted: the difference of two run lengths, which holds neither what a
    /// start nor what connections cost.
    pub(crate) fn per_call<const N: usize>(
        &self,
        count: impl Fn(&Case) -> Result<[u64; N]>,
    ) -> Result<Vec<f64>> {
        let short = Case::unary(10, 10, self.plan.pick(2_000, 2_000, 500));
        let long = Case { calls: short.calls * 4, ..short };
        let (less, more) = (count(&short)?, count(&long)?);
        let calls = (long.calls - short.calls) as f64;
        Ok(less.iter().zip(more).map(|(less, more)| (more as f64 - *less as f64) / calls).collect())
    }
}

/// The values of all contenders, in their order.
fn one_round(
    contenders: &[&Built],
    turn: impl Fn(&Built) -> Result<Vec<f64>>,
) -> Result<Vec<Vec<f64>>> {
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    fastrand::shuffle(&mut order);
    let mut values = vec![Vec::new(); contenders.len()];
    for index in order {
        let built = contenders[index];
        values[index] =
            turn(built).map_err(|error| format!("{}: {error}", built.contender.name))?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::cell::Cell;

    use super::*;
    use crate::bench::contender::CONTENDERS;

    /// A table of two contenders in so many rounds, whose turns are numbered from 0.
    fn filled(rounds: usize, turn: impl Fn(u32) -> Result<Vec<f64>>) -> (Result<()>, Results) {
        let built = |contender| Built { contender, binary: PathBuf::new(), counting: None };
        let contenders = CONTENDERS[..2].iter().map(built).collect();
        let bench = Bench::new(Plan::Smoke, contenders, PathBuf::new()).unwrap();
        let numbers = &["one", "two"];
        let contenders = bench.contenders.iter().collect();
        let table = Table { of: "table".to_owned(), numbers, contenders, rounds };
        let (turns, mut results) = (Cell::new(0), Results::new("smoke", Vec::new()));
        let result = bench.rounds(&mut results, &table, |_| {
            let this = turns.get();
            turns.set(this + 1);
            turn(this)
        });
        (result, results)
    }

    #[test]
    fn each_turn_gives_a_value_for_each_number() {
        let (result, results) = filled(3, |_| Ok(vec![1.0, 2.0]));
        result.unwrap();
        for (name, value) in [("one", 1.0), ("two", 2.0)] {
            let number = results.number("table", name).unwrap();
            assert_eq!(number.base, CONTENDERS[0].name);
            assert_eq!(number.contenders[1].samples, [value; 3]);
        }
    }

    #[test]
    fn a_round_counts_if_all_turns_do() {
        let fails = |turn| if turn == 1 { Err("it fell".into()) } else { Ok(vec![1.0, 2.0]) };
        let (result, results) = filled(3, fails);
        result.unwrap();
        let number = results.number("table", "one").unwrap();
        assert_eq!((number.rounds, number.contenders[0].samples.len()), (3, 2));
        assert!(results.discarded[0].contains("it fell"), "{:?}", results.discarded);
    }

    #[test]
    fn without_a_round_that_counts_there_is_no_number() {
        let (result, results) = filled(9, |_| Err("it fell".into()));
        assert!(result.is_err());
        assert_eq!((results.numbers.len(), results.discarded.len()), (0, ROUNDS_TO_FAIL));
    }
}
