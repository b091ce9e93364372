//! Whether the lines that a contender counts really arrive: what it says of itself is taken at its word elsewhere.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Result;
use super::bench::Bench;
use super::build::Built;
use super::case::Case;
use super::contender::Accounts;

/// How long lines may take from a call to the output.
const TAKE: Duration = Duration::from_secs(5);
const CASE: Case = Case::unary(10, 10, 500);

/// Checks that each of the lines that a contender promises arrives once per call.
pub(crate) fn check(bench: &Bench, built: &Built) -> Result<()> {
    let Some(accounts) = &built.contender.accounts else {
        return Ok(());
    };
    let path = bench.file("lines");
    let output = File::create(&path)?.into();
    let server = bench.start_as(built, &built.binary, Vec::new(), output)?;
    match built.contender.refuses() {
        true => bench.load_refused(&server, &CASE)?,
        false => drop(bench.load(&server, &CASE)?),
    }
    if let Some(lines) = server.tally()?.and_then(|tally| tally.lines)
        && lines.dropped > 0
    {
        return Err(
            format!("{} were dropped of the lines of {} calls", lines.dropped, CASE.calls).into()
        );
    }
    arrive(accounts, &path, CASE.calls)
}

/// Waits until each of the promised lines has arrived once per call.
pub(crate) fn arrive(accounts: &Accounts, path: &Path, calls: u64) -> Result<()> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path)?;
        let count = |line: &str| text.lines().filter(|found| found.contains(line)).count() as u64;
        let counts: Vec<u64> = accounts.lines.iter().map(|line| count(line)).collect();
        if counts.iter().all(|count| *count == calls) {
            return Ok(());
        }
        if start.elapsed() > TAKE || counts.iter().any(|count| *count > calls) {
            return Err(format!(
                "of {calls} lines each, {:?} came {counts:?} times",
                accounts.lines
            )
            .into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::bench::directory::Directory;

    #[test]
    fn each_line_must_arrive_once_per_call() {
        let lines = &["\"started\"", "\"finished\""];
        let accounts = Accounts { admin_listen: "", lines, counts_lines: true };
        let directory = Directory::new().unwrap();
        let path = directory.path().join("lines of a test");
        let line = |message: &str| format!("{{\"level\":\"info\",\"message\":\"{message}\"}}\n");
        let call = line("started") + &line("finished");

        fs::write(&path, line("listening") + &call.repeat(3)).unwrap();
        assert!(arrive(&accounts, &path, 3).is_ok());
        let error = arrive(&accounts, &path, 2).unwrap_err().to_string();
        assert!(error.contains("[3, 3]"), "{error}");
        fs::write(&path, call.repeat(3) + &line("finished")).unwrap();
        assert!(arrive(&accounts, &path, 3).is_err(), "one line came twice");
    }
}
