//! The memory of the process: as the system and the allocator count it, now and in the recent past.
//!
//! What the kernel keeps as numbers anyway (`/proc/self/status`) is read twice a second. What it has to walk the page
//! tables for (`/proc/self/smaps_rollup`) is read only when somebody looks.

mod history;
mod proc;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior};

use super::heap;

pub(crate) use history::{History, Sample};
pub(crate) use proc::{Part, parts, rolled_up};

/// How often the memory is looked at.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// The memory of the process, and its recent past.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<History>>);

impl Memory {
    /// Looks at the memory for ever. For a runtime that is never blocked; reading a file of `/proc` does not wait for
    /// anything.
    pub(crate) async fn watch(self) {
        let began = Instant::now();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            // Where there is no `/proc`, there will be none.
            let Some(sample) = proc::sample(began.elapsed()) else { return };
            let sample = Sample { allocated: heap::allocated(), ..sample };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).note(sample);
        }
    }

    /// What was seen.
    pub(crate) fn history(&self) -> History {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
