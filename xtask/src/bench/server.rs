//! A contender's process: started on one core, watched from outside, and always stopped.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Result;
use super::contender::Contender;
use super::environment::{Addresses, configure};
use super::metrics::{self, Tally};

/// How long a server may take to start, or to come to rest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look whether it has.
const INTERVAL: Duration = Duration::from_millis(10);
/// A server that used less than this between two looks is at rest.
const AT_REST: Duration = Duration::from_micros(100);
/// After so many such looks in a row, nothing more will come.
const QUIET_LOOKS: u32 = 5;

/// A running server. Dropping it ends the process, this one and no other.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    contender: &'static Contender,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    allocations: SocketAddr,
}

/// How a contender is started.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) contender: &'static Contender,
    pub(crate) binary: &'a Path,
    pub(crate) core: usize,
    /// A program and its arguments that run the binary, such as `prlimit`. Its process must become the server.
    pub(crate) under: Vec<OsString>,
    pub(crate) output: Stdio,
    /// Where it says on stderr what went wrong: a pipe that nobody reads would stop it once full.
    pub(crate) errors: &'a Path,
}

impl Server {
    /// Starts a contender's binary, and waits until it answers.
    pub(crate) fn start(start: Start<'_>) -> Result<Self> {
        let addresses = Addresses::free()?;
        let mut command = Command::new("taskset");
        // `taskset` becomes the server, so that the process that is started is the one that is measured and ended.
        command.args(["--cpu-list", &start.core.to_string()]).args(&start.under).arg(start.binary);
        configure(&mut command, start.contender, &addresses);
        let process = command
            .stdin(Stdio::null())
            .stdout(start.output)
            .stderr(File::create(start.errors)?)
            .spawn()?;
        let Addresses { service, admin, allocations } = addresses;
        let mut server =
            Self { process, contender: start.contender, address: service, admin, allocations };
        server.wait_until_ready(start.errors)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, errors: &Path) -> Result<()> {
        let name = self.contender.name;
        let admin = self.contender.accounts.as_ref().map(|_| self.admin);
        let listens = |address| TcpStream::connect(address).is_ok();
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                let said = fs::read_to_string(errors)?;
                return Err(format!("{name} ended with {status}: {}", said.trim()).into());
            }
            if listens(self.address) && admin.is_none_or(listens) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{name} does not listen on {}", self.address).into());
            }
            thread::sleep(INTERVAL);
        }
    }

    /// The process that watches this one, if one does: 0 if none.
    pub(crate) fn tracer(&self) -> Result<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        Ok(tracer.ok_or("the kernel tells no tracer")?.trim().parse()?)
    }

    /// The resident memory in bytes, exactly: `VmRSS` of `status` may be off by some pages for each core.
    pub(crate) fn resident(&self) -> Result<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.process.id());
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        resident(&text).ok_or_else(|| format!("{path} tells no `Rss`").into())
    }

    /// Asks the process to end, and waits until it has, as what watches it needs to write down what it saw.
    pub(crate) fn terminate(mut self) -> Result<()> {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status()?;
        if !status.success() {
            return Err(format!("`kill -TERM {id}` ended with {status}").into());
        }
        let start = Instant::now();
        while self.process.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                return Err(format!("{} does not end when asked to", self.contender.name).into());
            }
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// Everything on the page `/metrics`.
    pub(crate) fn scrape(&self) -> Result<String> {
        metrics::scrape(self.admin)
    }

    /// The processor time that the server has used when it has come to rest: what it does after its answers, such as
    /// writing log lines, is part of the price.
    pub(crate) fn cpu_at_rest(&self) -> Result<Duration> {
        let start = Instant::now();
        let mut last = self.cpu()?;
        let mut quiet = 0;
        while quiet < QUIET_LOOKS {
            if start.elapsed() > PATIENCE {
                return Err(
                    format!("{} is still busy after the last answer", self.contender.name).into()
                );
            }
            thread::sleep(INTERVAL);
            let now = self.cpu()?;
            quiet = if now.saturating_sub(last) < AT_REST { quiet + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    /// The processor time of all threads, as the kernel's scheduler accounts for it, in nanoseconds.
    fn cpu(&self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread may end meanwhile; no contender starts and ends threads call by call.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            total += run_time(&text)
                .ok_or("the kernel does not account for threads (CONFIG_SCHED_INFO)")?;
        }
        Ok(total)
    }

    /// What the server says that it has done; `None` from a contender that says nothing.
    pub(crate) fn tally(&self) -> Result<Option<Tally>> {
        let Some(accounts) = &self.contender.accounts else { return Ok(None) };
        let parse = |text: String| Tally::parse(&text, accounts.counts_lines);
        let tally = self.scrape().and_then(parse);
        tally.map(Some).map_err(|error| format!("{}: {error}", self.contender.name).into())
    }

    /// Heap allocations since the start, of a counting variant.
    pub(crate) fn heap(&self) -> Result<Heap> {
        let mut said = String::new();
        TcpStream::connect(self.allocations)?.read_to_string(&mut said)?;
        Heap::parse(&said).ok_or_else(|| {
            format!("{} tells no count of allocations: {said:?}", self.contender.name).into()
        })
    }
}

/// What was taken from the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heap {
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

impl Heap {
    /// Reads the line that `contender::allocations` writes.
    fn parse(said: &str) -> Option<Self> {
        let (allocations, bytes) = said.trim_end().split_once(' ')?;
        Some(Self { allocations: allocations.parse().ok()?, bytes: bytes.parse().ok()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the process has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the first number of a thread's `schedstat`: the nanoseconds that it ran.
fn run_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Reads `Rss` of a `smaps_rollup`.
fn resident(text: &str) -> Option<u64> {
    let size = text.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    Some(size.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_run_time_comes_first() {
        assert_eq!(run_time("411544470 3014154 38\n"), Some(Duration::from_nanos(411_544_470)));
        assert_eq!(run_time(""), None);
    }

    #[test]
    fn the_heap_is_two_numbers_in_a_line() {
        assert_eq!(Heap::parse("37 4096\n"), Some(Heap { allocations: 37, bytes: 4096 }));
        for said in ["", "37\n", "37 \n", "37 4096 1\n"] {
            assert_eq!(Heap::parse(said), None, "{said:?}");
        }
    }

    #[test]
    fn the_resident_memory_is_in_kib() {
        let text = "55cc-7fff ---p 0 0:0 0 [rollup]\nRss:                2048 kB\nPss: 1 kB\n";
        assert_eq!(resident(text), Some(2 << 20));
        assert_eq!(resident("Pss: 1 kB\n"), None);
    }
}
