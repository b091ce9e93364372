//! Drives the benchmark's own client, `xtask/bench/client`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::Result;

/// The client, pinned to a core.
#[derive(Debug)]
pub(crate) struct Client {
    binary: PathBuf,
    core: usize,
}

/// Latencies in microseconds, from when calls were due.
#[derive(Debug, PartialEq)]
pub(crate) struct Latencies {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    /// How late calls were sent, at the 99th percentile: the client's own doing.
    pub(crate) late: f64,
    /// Calls that were refused, which have no latency.
    pub(crate) refused: u64,
}

impl Client {
    pub(crate) fn new(binary: PathBuf, core: usize) -> Self {
        Self { binary, core }
    }

    /// Makes calls at a fixed rate, over some connections, each of which makes one call more before.
    pub(crate) fn open_loop(
        &self,
        server: SocketAddr,
        connections: u64,
        rate: u64,
        calls: u64,
    ) -> Result<Latencies> {
        let numbers = [connections, rate, calls].map(|number| number.to_string());
        let mut command = self.pinned(&[]);
        let said = said(command.arg("open-loop").arg(server.to_string()).args(numbers))?;
        latencies(&said).ok_or_else(|| format!("the client said something else: {said}").into())
    }

    /// Makes calls of which each is another caller's; tells how many were refused.
    pub(crate) fn keys(&self, server: SocketAddr, calls: u64) -> Result<u64> {
        let mut command = self.pinned(&[]);
        let said = said(command.args(["keys", &server.to_string(), &calls.to_string()]))?;
        let refused = said.strip_prefix("refused ").and_then(|number| number.parse().ok());
        refused.ok_or_else(|| format!("the client said something else: {said}").into())
    }

    /// Checks a server's health, over and over, while `busy` runs; returns the longest time, in milliseconds.
    pub(crate) fn probe<T>(
        &self,
        server: SocketAddr,
        busy: impl FnOnce() -> Result<T>,
    ) -> Result<(T, f64)> {
        let mut command = self.pinned(&[]);
        command.arg("probe").arg(server.to_string());
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let result = busy();
        // It ends with its input.
        let output = process.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let longest = longest(said.trim_end());
        let longest = longest.ok_or_else(|| format!("the probe said something else: {said}"))?;
        Ok((result?, longest))
    }

    /// Opens connections that stay open, each without a call.
    pub(crate) fn hold(&self, server: SocketAddr, connections: u64) -> Result<Held> {
        let files = connections + SPARE_FILES;
        let mut command = self.pinned(&[&format!("--nofile={files}:")]);
        command.arg("hold").arg(server.to_string()).arg(connections.to_string());
        Self::held(command)
    }

    /// Begins so many calls on each of so many connections that do not end.
    pub(crate) fn hold_calls(
        &self,
        server: SocketAddr,
        connections: u64,
        calls: u64,
    ) -> Result<Held> {
        let mut command = self.pinned(&[]);
        command.arg("hold-calls").arg(server.to_string());
        command.args([connections.to_string(), calls.to_string()]);
        Self::held(command)
    }

    fn held(mut command: Command) -> Result<Held> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the client has no output")?;
        let mut held = Held { process, output: BufReader::new(output) };
        held.says("open")?;
        Ok(held)
    }

    /// A command that runs a server, calls it, and tells the microseconds from its start to its answer. On no core in
    /// particular: a server starts on all that there are.
    pub(crate) fn first_call(&self, server: SocketAddr, binary: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("first-call").arg(server.to_string()).arg(binary);
        command
    }

    /// The client on its core, with these limits, for more arguments to follow.
    fn pinned(&self, limits: &[&str]) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &self.core.to_string()]);
        if !limits.is_empty() {
            command.arg("prlimit").args(limits);
        }
        command.arg(&self.binary);
        command
    }
}

/// Descriptors that a process needs besides those of the connections that are measured.
pub(crate) const SPARE_FILES: u64 = 100;

/// Connections that are open, or calls that go on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Held {
    /// Makes a call on each, one after the other.
    pub(crate) fn call(&mut self) -> Result<()> {
        let input = self.process.stdin.as_mut().ok_or("the client has no input")?;
        input.write_all(b"\n")?;
        self.says("called")
    }

    fn says(&mut self, expected: &str) -> Result<()> {
        let mut said = String::new();
        self.output.read_line(&mut said)?;
        if said.trim_end() == expected {
            return Ok(());
        }
        // It has told on stderr, which is also ours, what went wrong.
        Err(format!("the client said `{}` instead of `{expected}`", said.trim_end()).into())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Fails only if it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a command says that ends well.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        let program = command.get_program().to_string_lossy();
        return Err(
            format!("{program} ended with {}: {said}{}", output.status, error.trim()).into()
        );
    }
    Ok(said)
}

fn latencies(said: &str) -> Option<Latencies> {
    let words: Vec<_> = said.split(' ').collect();
    let ["p50", p50, "p90", p90, "p99", p99, "late", late, "refused", refused] = words[..] else {
        return None;
    };
    let number = |text: &str| text.parse().ok();
    let [p50, p90, p99, late] = [number(p50)?, number(p90)?, number(p99)?, number(late)?];
    Some(Latencies { p50, p90, p99, late, refused: refused.parse().ok()? })
}

/// Milliseconds, from a line that has microseconds. Without a check there was no longest.
fn longest(said: &str) -> Option<f64> {
    let (checks, longest) = said.strip_prefix("checks ")?.split_once(" longest ")?;
    (checks.parse::<u64>().ok()? > 0).then_some(longest.parse::<f64>().ok()? / 1e3)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn latencies_are_read() {
        let expected = Latencies { p50: 51.2, p90: 60.0, p99: 99.9, late: 0.4, refused: 7 };
        assert_eq!(latencies("p50 51.2 p90 60.0 p99 99.9 late 0.4 refused 7"), Some(expected));
        assert_eq!(latencies("p50 51.2 p90 60.0 p99 99.9 late 0.4"), None);
        assert_eq!(latencies("p50 51.2 p90 60.0 p99 x late 0.4 refused 7"), None);
    }

    #[test]
    fn a_probe_counts_if_it_has_checked_anything() {
        assert_eq!(longest("checks 12 longest 1500.0"), Some(1.5));
        assert_eq!(longest("checks 0 longest 0.0"), None);
        assert_eq!(longest("checks 1"), None);
    }

    #[test]
    fn a_command_that_fails_tells_why() {
        assert_eq!(said(Command::new("echo").arg("well")).unwrap(), "well");
        let error = said(Command::new("sh").args(["-c", "echo no >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no"), "{error}");
    }
}
