//! The timers of a CPU profile: one for each thread, which runs on the thread's CPU time.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    io,
    time::Duration,
};

use super::system::Timer;

/// The most threads that are sampled.
const THREADS: usize = 4096;

/// The timers of the threads of this process.
pub(super) struct Timers {
    pub(super) period: Duration,
    recording: u64,
    running: HashMap<u32, Timer>,
    /// By the number of a thread.
    pub(super) names: HashMap<u32, String>,
    /// Threads that could have none.
    pub(super) without: BTreeSet<u32>,
}

impl Timers {
    /// With so many samples a second, for the recording of that number.
    pub(super) fn new(hz: u32, recording: u64) -> Self {
        let period = Duration::from_secs(1) / hz;
        let (running, names, without) = Default::default();
        Self { period, recording, running, names, without }
    }

    /// Gives a timer to each thread that has none.
    ///
    /// # Errors
    /// When the system does not say which threads there are.
    pub(super) fn arm(&mut self) -> io::Result<()> {
        let threads = super::threads()?;
        self.running.retain(|thread, _| threads.contains(thread));
        for thread in threads {
            if let Entry::Vacant(free) = self.running.entry(thread) {
                // At random, so that a thread that works less than a period is found as often as it ought to be.
                let first = self.period.mul_f64(fastrand::f64()).max(Duration::from_nanos(1));
                match Timer::start(thread, first, self.period, self.recording) {
                    Ok(timer) if self.names.len() < THREADS => {
                        free.insert(timer);
                        self.names.insert(thread, super::name(thread));
                    }
                    // It may have ended meanwhile.
                    _ if !super::exists(thread) => {}
                    _ => drop(self.without.insert(thread)),
                }
            }
        }
        Ok(())
    }

    /// Ends all of them.
    pub(super) fn end(&mut self) {
        for thread in self.running.drain().map(|(thread, _)| thread) {
            // A new thread gives itself its name only when it runs. One that has ended keeps what it had.
            let name = super::name(thread);
            if !name.is_empty() {
                self.names.insert(thread, name);
            }
        }
    }
}
