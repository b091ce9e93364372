//! The measurements themselves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use super::build::Built;
use super::contender::Accounts;
use super::cores::Cores;
use super::h2load::Client;
use super::plan::{Case, Plan};
use super::server::Server;
use super::{Result, verify};

/// How long lines may take from a call to the output.
const LINES_TAKE: Duration = Duration::from_secs(5);

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) plan: Plan,
    /// The contenders' names; everything below is in their order.
    pub(crate) names: Vec<&'static str>,
    pub(crate) cases: Vec<CaseResult>,
    /// Heap allocations per call.
    pub(crate) allocations: Vec<f64>,
    /// Why runs did not count.
    pub(crate) discarded: Vec<String>,
}

/// The rounds of a case that count: those in which every contender's run does.
#[derive(Debug)]
pub(crate) struct CaseResult {
    pub(crate) case: Case,
    pub(crate) rounds: Vec<Vec<Run>>,
}

/// One contender's turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    /// Processor time of the server per call, in microseconds.
    pub(crate) cpu: f64,
    /// Calls per second.
    pub(crate) rate: f64,
}

/// Who calls, from where, and where files may lie.
struct Bench<'a> {
    plan: Plan,
    contenders: &'a [Built],
    cores: Cores,
    client: Client,
    directory: &'a Path,
}

/// Measures all that the plan asks for.
pub(crate) fn all(plan: Plan, contenders: &[Built]) -> Result<Results> {
    let directory = Directory::new()?;
    let cores = Cores::choose()?;
    let client = Client::new(cores.client, &directory.0)?;
    let bench = Bench { plan, contenders, cores, client, directory: &directory.0 };

    let mut allocations = Vec::new();
    for built in contenders {
        println!("counting the log lines and allocations of {}", built.contender.name);
        bench.check_lines(built)?;
        allocations.push(bench.allocations(built)?);
    }
    let mut discarded = Vec::new();
    let cases: Vec<_> =
        plan.cases().iter().map(|case| bench.case(case, &mut discarded)).collect::<Result<_>>()?;
    let names = contenders.iter().map(|built| built.contender.name).collect();
    Ok(Results { plan, names, cases, allocations, discarded })
}

impl Bench<'_> {
    fn start(&self, built: &Built, binary: &Path, output: Stdio) -> Result<Server> {
        Server::start(
            built.contender,
            binary,
            self.cores.server,
            output,
            &self.directory.join("errors"),
        )
    }

    fn case(&self, case: &Case, discarded: &mut Vec<String>) -> Result<CaseResult> {
        println!("measuring {}, {} rounds of {} calls", case.name(), case.rounds, case.calls);
        let mut rounds = Vec::new();
        for _ in 0..case.rounds {
            match self.round(case)? {
                Ok(round) => rounds.push(round),
                Err(reason) => {
                    println!("  a round does not count: {reason}");
                    discarded.push(format!("{}: {reason}", case.name()));
                }
            }
        }
        if rounds.is_empty() {
            return Err(format!("no round of {} counts", case.name()).into());
        }
        Ok(CaseResult { case: *case, rounds })
    }

    /// Lets every contender take its turn, in a random order: none is always the one that finds the caches warm.
    fn round(&self, case: &Case) -> Result<std::result::Result<Vec<Run>, String>> {
        let mut order: Vec<usize> = (0..self.contenders.len()).collect();
        fastrand::shuffle(&mut order);
        let mut runs = vec![None; order.len()];
        for index in order {
            match self.turn(&self.contenders[index], case)? {
                Ok(run) => runs[index] = Some(run),
                Err(reason) => {
                    return Ok(Err(format!("{}: {reason}", self.contenders[index].contender.name)));
                }
            }
        }
        Ok(Ok(runs.into_iter().flatten().collect()))
    }

    /// Starts a contender, warms it up, and measures one run. The inner error is a run that does not count.
    fn turn(&self, built: &Built, case: &Case) -> Result<std::result::Result<Run, String>> {
        let server = self.start(built, &built.binary, Stdio::null())?;
        self.client.run(server.address, &self.plan.warm_up())?;
        server.cpu_at_rest()?;
        // Each tally is taken outside of the time that is measured.
        let tally_before = server.tally()?;
        let cpu_before = server.cpu_at_rest()?;
        let load = self.client.run(server.address, case)?;
        let cpu = server.cpu_at_rest()?.saturating_sub(cpu_before);
        let did = server.tally()?.zip(tally_before).map(|(after, before)| after.since(before));

        let lines_per_call =
            built.contender.accounts.as_ref().map_or(0, |accounts| accounts.lines.len() as u64);
        let counts = verify::client(case.calls, &load).and_then(|()| {
            did.map_or(Ok(()), |did| verify::server(case.calls, lines_per_call, &did))
        });
        let per_call = |time: Duration| time.as_secs_f64() * 1e6 / case.calls as f64;
        Ok(counts.map(|()| Run { cpu: per_call(cpu), rate: load.rate }))
    }

    /// Checks that the lines that a contender counts really arrive, each of the promised ones once per call.
    fn check_lines(&self, built: &Built) -> Result<()> {
        let Some(accounts) = &built.contender.accounts else {
            return Ok(());
        };
        let path = self.directory.join("lines");
        let output = File::create(&path)?.into();
        let server = self.start(built, &built.binary, output)?;
        let case = self.plan.warm_up();
        verify::client(case.calls, &self.client.run(server.address, &case)?)?;
        let dropped =
            server.tally()?.and_then(|tally| tally.lines).map_or(0, |lines| lines.dropped);
        if dropped > 0 {
            return Err(format!(
                "{} dropped {dropped} of the lines of {} calls",
                built.contender.name, case.calls
            )
            .into());
        }
        lines_arrive(accounts, &path, case.calls)
            .map_err(|problem| format!("the output of {}: {problem}", built.contender.name).into())
    }

    /// Heap allocations per call: the difference of two run lengths, which holds neither start nor connections.
    fn allocations(&self, built: &Built) -> Result<f64> {
        let (short, long) = (self.plan.warm_up(), self.plan.counted());
        let counting = built.counting.as_deref().ok_or("it counts no allocations")?;
        let server = self.start(built, counting, Stdio::null())?;
        let mut counts = [0; 3];
        // The first run warms up: buffers and tables grow once.
        for (count, case) in counts.iter_mut().zip([short, short, long]) {
            let before = server.heap()?.allocations;
            verify::client(case.calls, &self.client.run(server.address, &case)?)?;
            server.cpu_at_rest()?;
            *count = server.heap()?.allocations - before;
        }
        let [_, short_count, long_count] = counts.map(|count| count as f64);
        Ok((long_count - short_count) / (long.calls - short.calls) as f64)
    }
}

/// Waits until each of the promised lines has arrived once per call.
fn lines_arrive(accounts: &Accounts, path: &Path, calls: u64) -> Result<()> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path)?;
        let count = |line: &str| text.lines().filter(|found| found.contains(line)).count() as u64;
        let counts: Vec<u64> = accounts.lines.iter().map(|line| count(line)).collect();
        if counts.iter().all(|count| *count == calls) {
            return Ok(());
        }
        if start.elapsed() > LINES_TAKE || counts.iter().any(|count| *count > calls) {
            return Err(format!(
                "of {calls} lines each, {:?} came {counts:?} times",
                accounts.lines
            )
            .into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A directory of this run's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("rootcap-bench-{}", process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed stays where temporary files lie.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn each_line_must_arrive_once_per_call() {
        let lines = &["\"started\"", "\"finished\""];
        let accounts = Accounts { admin_listen: "", lines, counts_lines: true };
        let directory = Directory::new().unwrap();
        let path = directory.0.join("lines of a test");
        let line = |message: &str| format!("{{\"level\":\"info\",\"message\":\"{message}\"}}\n");
        let call = line("started") + &line("finished");

        fs::write(&path, line("listening") + &call.repeat(3)).unwrap();
        assert!(lines_arrive(&accounts, &path, 3).is_ok());
        let error = lines_arrive(&accounts, &path, 2).unwrap_err().to_string();
        assert!(error.contains("[3, 3]"), "{error}");
        fs::write(&path, call.repeat(3) + &line("finished")).unwrap();
        assert!(lines_arrive(&accounts, &path, 3).is_err(), "one line came twice");
    }
}
