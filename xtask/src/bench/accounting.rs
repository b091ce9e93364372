//! What the kernel knows of a process.

use std::fs;
use std::time::Duration;

use super::Result;

/// The directory of a process in `/proc`.
#[derive(Debug)]
pub(crate) struct Accounting(String);

impl Accounting {
    pub(crate) fn of(process: u32) -> Self {
        Self(format!("/proc/{process}"))
    }

    /// The processor time of all threads, as the kernel's scheduler accounts for it, in nanoseconds.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for thread in fs::read_dir(format!("{}/task", self.0))? {
            // A thread may end meanwhile; no contender starts and ends threads call by call.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            total += run_time(&text)
                .ok_or("the kernel does not account for threads (CONFIG_SCHED_INFO)")?;
        }
        Ok(total)
    }

    /// The resident memory in bytes, exactly: `VmRSS` of `status` may be off by some pages for each core.
    pub(crate) fn resident(&self) -> Result<u64> {
        let text = self.read("smaps_rollup")?;
        let kib =
            field(&text, "Rss:").and_then(|size| size.strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.ok_or("the kernel tells no resident memory")? * 1024)
    }

    /// The process that watches this one, if one does: 0 if none.
    pub(crate) fn tracer(&self) -> Result<u32> {
        let tracer = field(&self.read("status")?, "TracerPid:").and_then(|id| id.parse().ok());
        tracer.ok_or_else(|| "the kernel tells no tracer".into())
    }

    /// Whether the process has ended. Nobody's child may stay as a zombie.
    pub(crate) fn has_ended(&self) -> bool {
        self.read("status").map_or(true, |status| {
            field(&status, "State:").is_some_and(|state| state.starts_with('Z'))
        })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = format!("{}/{name}", self.0);
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}").into())
    }
}

/// Reads the first number of a thread's `schedstat`: the nanoseconds that it ran.
fn run_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// What follows a name at the start of a line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::process;

    use super::*;

    #[test]
    fn the_run_time_comes_first() {
        assert_eq!(run_time("411544470 3014154 38\n"), Some(Duration::from_nanos(411_544_470)));
        assert_eq!(run_time(""), None);
    }

    #[test]
    fn a_field_follows_its_name() {
        let text = "Rss:                2048 kB\nPss:  1 kB\nState:\tS (sleeping)\n";
        assert_eq!(field(text, "Rss:"), Some("2048 kB"));
        assert_eq!(field(text, "State:"), Some("S (sleeping)"));
        assert_eq!(field(text, "TracerPid:"), None);
    }

    #[test]
    fn a_process_that_runs_is_known() {
        let this = Accounting::of(process::id());
        assert!(this.cpu().unwrap() > Duration::ZERO);
        assert!(this.resident().unwrap() > 0);
        assert!(!this.has_ended());
        this.tracer().unwrap();
    }
}
