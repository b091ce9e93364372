//! [`Sink`]: the bounded buffer of the log, drained by one thread.
//!
//! The path of a call only copies its line, under a lock that is held for nothing else: it never waits
//! for whoever reads the log. When the buffer is full the line is dropped and counted.

mod writer;

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rootcap_layers::access_log::{Format, Output};

/// The room that is kept for lines that must not be lost because of others, in bytes.
const RESERVE: usize = 64 * 1024;

/// What the sink has done since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SinkCounters {
    /// `rootcap_log_lines_written_total`.
    pub(crate) lines_written: u64,
    /// `rootcap_log_lines_dropped_total`: there was no room, or they could not be written.
    pub(crate) lines_dropped: u64,
    /// Bytes written.
    pub(crate) bytes_written: u64,
}

/// Takes whole lines and has a thread write them. Dropping it ends the thread once all is written.
#[derive(Debug)]
pub(crate) struct Sink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The writer waits here, for lines.
    work: Condvar,
    /// `flush` waits here, for the writer.
    settled: Condvar,
    /// How many bytes may be held, those that are being written included.
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    pending_lines: u64,
    /// Bytes that the writer has taken and not yet written.
    in_flight: usize,
    writer: Writer,
    /// How many `flush` wait.
    flushing: usize,
    closed: bool,
    /// Lines accepted, and lines of those that are written or lost.
    accepted: u64,
    done: u64,
    counters: SinkCounters,
}

/// What the writer does: it is only woken when that is needed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// It writes, and will look again.
    #[default]
    Busy,
    /// It lets lines gather for a few milliseconds, and will look again.
    Gathering,
    /// It waits to be woken by the next line.
    Asleep,
}

impl Sink {
    /// Starts the thread `rootcap-log`, which writes to `out`. At most `limit` bytes wait to be written.
    /// `format` is that of the line which tells of dropped ones.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        limit: usize,
        format: Format,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            settled: Condvar::new(),
            limit,
        });
        let of_writer = Arc::clone(&shared);
        thread::Builder::new()
            .name("rootcap-log".into())
            .spawn(move || writer::run(&of_writer, out, format))?;
        Ok(Self(shared))
    }

    /// What has been done so far.
    pub(crate) fn counters(&self) -> SinkCounters {
        self.0.lock().counters
    }

    /// Waits until all that was accepted before is written, at most for `timeout`; tells whether it is.
    /// What could not be written is lost, and not waited for.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        let mut state = self.0.lock();
        let target = state.accepted;
        state.flushing += 1;
        self.0.work.notify_one();
        while state.done < target {
            // A timeout beyond the end of the clock is none.
            let left = match until {
                Some(until) => until.saturating_duration_since(Instant::now()),
                None => Duration::MAX,
            };
            if left.is_zero() {
                break;
            }
            let waited = self.0.settled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.flushing -= 1;
        state.done >= target
    }
}

impl Sink {
    /// The same, for lines that must not be lost because of others: a full buffer has some room for them.
    pub(crate) fn reserved(self: &Arc<Self>) -> Reserved {
        Reserved(Arc::clone(self))
    }

    fn write_within(&self, limit: usize, line: &[u8]) {
        let mut state = self.0.lock();
        if state.pending.len() + state.in_flight + line.len() > limit {
            state.counters.lines_dropped += 1;
            return;
        }
        state.pending.extend_from_slice(line);
        state.pending_lines += 1;
        state.accepted += 1;
        let wake = match state.writer {
            Writer::Asleep => true,
            Writer::Gathering => state.pending.len() > self.0.limit / 2,
            Writer::Busy => false,
        };
        if wake {
            state.writer = Writer::Busy;
        }
        drop(state);
        if wake {
            self.0.work.notify_one();
        }
    }
}

impl Output for Sink {
    fn write(&self, line: &[u8]) {
        self.write_within(self.0.limit, line);
    }
}

/// A [`Sink`] with the room that is kept for few lines.
#[derive(Debug)]
pub(crate) struct Reserved(Arc<Sink>);

impl Output for Reserved {
    fn write(&self, line: &[u8]) {
        self.0.write_within(self.0.0.limit.saturating_add(RESERVE), line);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
