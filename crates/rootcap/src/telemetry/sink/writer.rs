//! The thread that writes the log.

use std::{
    io::{self, Write},
    mem,
    sync::{MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use rootcap_layers::access_log::{Format, Key};
use tracing::Level;

use super::{Shared, State, Writer};

/// How long lines gather after a batch was written, so that a busy server pays for one wake-up and one
/// system call per batch and not per line.
const GATHER: Duration = Duration::from_millis(5);
/// How often a line tells of dropped ones.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for an output that does not block and takes nothing.
const RETRY: Duration = Duration::from_millis(5);

const TARGET: Key<'static> = Key::new("target");

/// Writes until the sink is dropped and all is written.
pub(super) fn run(shared: &Shared, mut out: impl Write, format: Format) {
    let mut batch = Vec::new();
    let mut report = DropReport::default();
    let mut torn = false;
    while let Some(lines) = next_batch(shared, &mut batch, &mut report, format) {
        let (bytes, result) = write_batch(&mut out, &batch, torn);
        // What follows a line of which only a part could be written begins on a new line.
        torn = match bytes {
            0 => torn,
            bytes => batch[bytes - 1] != b'\n',
        };
        settle(shared, &batch[..bytes], lines, result.is_ok());
        gather(shared);
    }
}

/// Lines of a batch: those that producers gave, and the report of the writer's own, if there is one.
#[derive(Debug, Clone, Copy)]
struct Lines {
    accepted: u64,
    own: u64,
}

/// Waits for lines and takes them all; `None` when there will be no more.
fn next_batch(
    shared: &Shared,
    batch: &mut Vec<u8>,
    report: &mut DropReport,
    format: Format,
) -> Option<Lines> {
    batch.clear();
    let mut state = shared.lock();
    let dropped = loop {
        let dropped = report.due(Instant::now(), state.counters.lines_dropped);
        if dropped.is_some() || !state.pending.is_empty() {
            break dropped;
        }
        if state.closed {
            return None;
        }
        state.writer = Writer::Asleep;
        state = sleep(shared, state, report);
    };
    state.writer = Writer::Busy;
    mem::swap(&mut state.pending, batch);
    state.in_flight = batch.len();
    let accepted = mem::take(&mut state.pending_lines);
    drop(state);
    if let Some(count) = dropped {
        push_report(batch, count, format);
    }
    Some(Lines { accepted, own: u64::from(dropped.is_some()) })
}

/// Until a line comes, or a report is due.
fn sleep<'a>(
    shared: &'a Shared,
    state: MutexGuard<'a, State>,
    report: &DropReport,
) -> MutexGuard<'a, State> {
    match report.next(state.counters.lines_dropped) {
        None => shared.work.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(at) => {
            let left = at.saturating_duration_since(Instant::now());
            shared.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

fn push_report(batch: &mut Vec<u8>, count: u64, format: Format) {
    let message = format!("dropped {count} log lines");
    format.render(batch, SystemTime::now(), Level::WARN, &message, |line| {
        line.string(TARGET, "rootcap::log");
    });
}

/// Writes all of `batch`, with one call where the output takes it at once; tells how much was written.
fn write_batch(out: &mut impl Write, batch: &[u8], torn: bool) -> (usize, io::Result<()>) {
    let mut written = 0;
    let mut result = if torn { write_all(out, b"\n", &mut 0) } else { Ok(()) };
    if result.is_ok() {
        result = write_all(out, batch, &mut written);
    }
    let flushed = out.flush();
    (written, result.and(flushed))
}

fn write_all(out: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match out.write(&bytes[*written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process that shares the terminal may have set it so.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Counts what has become of a batch, and tells those who wait for it.
fn settle(shared: &Shared, written: &[u8], lines: Lines, complete: bool) {
    let written_lines = match complete {
        true => lines.accepted + lines.own,
        false => written.iter().filter(|&&byte| byte == b'\n').count() as u64,
    };
    // A report that is lost is none of the lines that someone gave.
    let lost = lines.accepted.saturating_sub(written_lines);
    let mut state = shared.lock();
    state.in_flight = 0;
    state.done += lines.accepted;
    state.counters.bytes_written += written.len() as u64;
    state.counters.lines_written += written_lines;
    state.counters.lines_dropped += lost;
    drop(state);
    shared.settled.notify_all();
}

/// Lets lines gather, unless someone waits for them.
fn gather(shared: &Shared) {
    let mut state = shared.lock();
    if state.closed || state.flushing > 0 {
        return;
    }
    state.writer = Writer::Gathering;
    let waited = shared.work.wait_timeout_while(state, GATHER, |state| {
        state.writer == Writer::Gathering && state.flushing == 0 && !state.closed
    });
    waited.unwrap_or_else(PoisonError::into_inner).0.writer = Writer::Busy;
}

/// When to tell of dropped lines.
#[derive(Debug, Default)]
struct DropReport {
    reported: u64,
    last: Option<Instant>,
}

impl DropReport {
    /// When the next report is due, if any line was dropped that has not been told of.
    fn next(&self, dropped: u64) -> Option<Instant> {
        let last = (dropped > self.reported).then_some(self.last)?;
        Some(last.map_or_else(Instant::now, |last| last + REPORT_EVERY))
    }

    /// How many lines to tell of now.
    fn due(&mut self, now: Instant, dropped: u64) -> Option<u64> {
        let count = dropped.checked_sub(self.reported).filter(|&count| count > 0)?;
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < REPORT_EVERY) {
            return None;
        }
        (self.reported, self.last) = (dropped, Some(now));
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lines_are_told_of_once_a_second() {
        let mut report = DropReport::default();
        let start = Instant::now();
        assert_eq!(report.due(start, 0), None);
        assert_eq!(report.next(0), None);
        assert_eq!(report.due(start, 3), Some(3));
        assert_eq!(report.due(start + REPORT_EVERY, 3), None, "nothing new");
        assert_eq!(report.due(start + REPORT_EVERY / 2, 5), None, "too early");
        assert_eq!(report.next(5), Some(start + REPORT_EVERY));
        assert_eq!(report.due(start + REPORT_EVERY, 7), Some(4));
    }
}
