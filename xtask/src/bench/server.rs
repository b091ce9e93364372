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
use super::accounting::Accounting;
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

    /// What the kernel knows of the process.
    pub(crate) fn kernel(&self) -> Accounting {
        Accounting::of(self.process.id())
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

    /// A page of the admin port.
    pub(crate) fn page(&self, path: &str) -> Result<Vec<u8>> {
        metrics::get(self.admin, path)
    }

    /// The processor time that the server has used when it has come to rest: what it does after its answers, such as
    /// writing log lines, is part of the price.
    pub(crate) fn cpu_at_rest(&self) -> Result<Duration> {
        let start = Instant::now();
        let mut last = self.kernel().cpu()?;
        let mut quiet = 0;
        while quiet < QUIET_LOOKS {
            if start.elapsed() > PATIENCE {
                return Err(
                    format!("{} is still busy after the last answer", self.contender.name).into()
                );
            }
            thread::sleep(INTERVAL);
            let now = self.kernel().cpu()?;
            quiet = if now.saturating_sub(last) < AT_REST { quiet + 1 } else { 0 };
            last = now;
        }
        Ok(last)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_two_numbers_in_a_line() {
        assert_eq!(Heap::parse("37 4096\n"), Some(Heap { allocations: 37, bytes: 4096 }));
        for said in ["", "37\n", "37 \n", "37 4096 1\n"] {
            assert_eq!(Heap::parse(said), None, "{said:?}");
        }
    }
}
