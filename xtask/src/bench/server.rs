//! A contender's process: started on one core, watched from outside, and always stopped.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use super::Result;
use super::contender::Contender;
use super::metrics::{self, Tally};
use crate::root;

/// How long a server may take to start, or to come to rest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look whether it has.
const INTERVAL: Duration = Duration::from_millis(10);
/// A server that used less than this between two looks is at rest.
const AT_REST: Duration = Duration::from_micros(100);
/// After so many such looks in a row, nothing more will come.
const QUIET_LOOKS: u32 = 5;
/// Settings of whoever runs the benchmark; contenders run with their own.
const SETTINGS: [&str; 6] =
    ["BENCH_", "GO", "OTEL_", "ROOTCAP_", "RUST_LOG", "TOKIO_WORKER_THREADS"];
/// Where a counting variant tells its count: the name that `contender::allocations` reads.
const ALLOCATIONS_LISTEN: &str = "BENCH_ALLOCATIONS_LISTEN";

/// A running server. Dropping it ends the process, this one and no other.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    contender: &'static Contender,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
    allocations: SocketAddr,
}

impl Server {
    /// Starts a contender's binary, and waits until it answers. What it says on stderr goes to the file `errors`: a pipe
    /// that nobody reads would stop it once full.
    pub(crate) fn start(
        contender: &'static Contender,
        binary: &Path,
        core: usize,
        output: Stdio,
        errors: &Path,
    ) -> Result<Self> {
        let [address, admin, allocations] = free_addresses()?;
        let mut command = Command::new("taskset");
        // `taskset` becomes the server, so that the process that is started is the one that is measured and ended.
        command.args(["--cpu-list", &core.to_string()]).arg(binary);
        without_settings(&mut command);
        command
            .env(contender.listen, address.to_string())
            .env(ALLOCATIONS_LISTEN, allocations.to_string())
            .envs(contender.settings.iter().copied())
            .current_dir(root());
        if let Some(accounts) = &contender.accounts {
            command.env(accounts.admin_listen, admin.to_string());
        }
        let process =
            command.stdin(Stdio::null()).stdout(output).stderr(File::create(errors)?).spawn()?;
        let mut server = Self { process, contender, address, admin, allocations };
        server.wait_until_ready(errors)?;
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
        let tally = metrics::scrape(self.admin).and_then(parse);
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

/// Hides the settings in this process' environment from the one to start.
fn without_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if SETTINGS.iter().any(|setting| name.to_string_lossy().starts_with(setting)) {
            command.env_remove(name);
        }
    }
}

/// Reads the first number of a thread's `schedstat`: the nanoseconds that it ran.
fn run_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Addresses that nobody listens on. The server is told its address, instead of asked for it, because its output goes
/// elsewhere.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    // All are held until the last is found, so that no two are the same.
    let mut held = Vec::with_capacity(N);
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        *address = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addresses)
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
    fn free_addresses_differ() {
        let [one, two, three] = free_addresses().unwrap();
        assert!(one != two && two != three && one != three);
        assert_ne!(one.port(), 0);
    }
}
