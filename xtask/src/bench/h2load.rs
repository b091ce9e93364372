//! Drives `h2load`, and reads what it says.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;
use super::case::Case;
use super::client::said;

/// What a client saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// Calls per second, first to last.
    pub(crate) rate: f64,
    /// Calls that were answered with a whole HTTP response.
    pub(crate) succeeded: u64,
    /// Calls that were not: failed, reset, timed out, or a status other than 2xx.
    pub(crate) failed: u64,
    /// Bytes in all DATA frames.
    pub(crate) data: u64,
}

/// A client that has so many calls in flight, pinned to a core.
#[derive(Debug)]
pub(crate) struct Client {
    core: usize,
    /// Where the message lies that is sent.
    request: PathBuf,
}

impl Client {
    pub(crate) fn new(core: usize, directory: &Path) -> Self {
        Self { core, request: directory.join("request") }
    }

    /// Makes the calls of a case, and waits for the last.
    pub(crate) fn run(&self, server: SocketAddr, case: &Case) -> Result<Load> {
        fs::write(&self.request, case.kind.request())?;
        let mut command = self.command(case.calls, case.connections, case.streams);
        command.args(case.kind.headers.iter().flat_map(|header| ["--header", header]));
        load(command.arg(format!("http://{server}{}", case.kind.path)))
    }

    /// Makes a call to each of so many methods of the service `bench.Many`, which is to end with a status.
    pub(crate) fn run_each(&self, server: SocketAddr, methods: u64, code: u64) -> Result<Load> {
        fs::write(&self.request, [0; 5])?;
        let addresses = self.request.with_extension("addresses");
        let address = |method| format!("http://{server}/bench.Many/M{method}\n");
        fs::write(&addresses, (0..methods).map(address).collect::<String>())?;
        let mut command = self.command(methods, 1, 10);
        command.arg("--header").arg(format!("bench-code: {code}"));
        load(command.arg("--input-file").arg(addresses))
    }

    /// `h2load` on its core, for where to call to follow.
    fn command(&self, calls: u64, connections: u64, streams: u64) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &self.core.to_string(), "h2load"]);
        command.args(["--requests", &calls.to_string(), "--clients", &connections.to_string()]);
        command.args(["--max-concurrent-streams", &streams.to_string()]);
        // A server that falls silent must not keep the benchmark waiting.
        command.args(["--connection-inactivity-timeout", "10"]);
        command.args(["--header", "content-type: application/grpc", "--header", "te: trailers"]);
        command.arg("--data").arg(&self.request);
        command
    }
}

fn load(command: &mut Command) -> Result<Load> {
    let said = said(command)?;
    parse(&said).ok_or_else(|| format!("h2load said something unexpected: {said}").into())
}

/// Reads the four lines that matter.
fn parse(said: &str) -> Option<Load> {
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let (_, rate) = line("finished in ")?.split_once(", ")?;
    let requests = line("requests: ")?;
    let not_2xx: Option<u64> =
        ["3xx", "4xx", "5xx"].iter().map(|class| before(line("status codes: ")?, class)).sum();
    let not_done: Option<u64> =
        ["failed", "errored", "timeout"].iter().map(|kind| before(requests, kind)).sum();
    let (_, data) = line("traffic: ")?.rsplit_once('(')?;
    Some(Load {
        rate: rate.split_once(" req/s")?.0.parse().ok()?,
        succeeded: before(requests, "succeeded")?,
        // Requests that end with another status also count as failed: the larger number is that of all.
        failed: not_2xx?.max(not_done?),
        data: data.split_once(") data")?.0.parse().ok()?,
    })
}

/// The number before a word, in a list such as `12 done, 0 failed`.
fn before(list: &str, word: &str) -> Option<u64> {
    let item = list.split(", ").find_map(|item| item.strip_suffix(word))?;
    item.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
starting benchmark...
progress: 100% done

finished in 414.67ms, 120579.26 req/s, 5.41MB/s
requests: 50000 total, 50000 started, 49990 done, 49980 succeeded, 20 failed, 10 errored, 3 timeout
status codes: 49980 2xx, 0 3xx, 4 4xx, 6 5xx
traffic: 2.24MB (2350950) total, 146.83KB (150350) headers (space savings 95.76%), 781.25KB (800000) data
                     min         max         mean         sd        +/- sd
time for request:       42us      6.08ms       814us       368us    81.29%
";

    #[test]
    fn the_result_is_read() {
        let expected = Load { rate: 120_579.26, succeeded: 49_980, failed: 33, data: 800_000 };
        assert_eq!(parse(SAID), Some(expected));
    }

    #[test]
    fn a_result_without_one_of_its_lines_is_none() {
        for missing in ["finished", "requests", "status codes", "traffic"] {
            let said: String = SAID.lines().filter(|line| !line.starts_with(missing)).collect();
            assert_eq!(parse(&said), None, "without {missing}");
        }
        assert_eq!(parse(""), None);
        assert_eq!(parse(&SAID.replace("800000", "many")), None);
    }
}
