//! Which start-up tasks readiness waits for: the rules, without a task or a clock.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// The latches that are held, by what they wait for: as many as the program has names for.
#[derive(Debug, Default)]
pub(super) struct Latches(BTreeMap<String, Latch>);

#[derive(Debug)]
struct Latch {
    holders: usize,
    panicked: bool,
    since: Instant,
}

/// A latch that is held, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// What it waits for.
    pub(crate) name: String,
    /// How long it has been held.
    pub(crate) time: Duration,
    /// How many values hold it; zero where all that held it panicked.
    pub(crate) holders: usize,
    /// Whether one that held it panicked: it stays held.
    pub(crate) panicked: bool,
}

impl Latches {
    /// One more value holds the latch of this name.
    pub(super) fn hold(&mut self, name: &str, now: Instant) {
        match self.0.get_mut(name) {
            Some(latch) => latch.holders += 1,
            None => {
                let latch = Latch { holders: 1, panicked: false, since: now };
                self.0.insert(name.to_owned(), latch);
            }
        }
    }

    /// One value less holds it. The last one opens it, unless one of them went in a panic: what that was to do
    /// has not been done.
    pub(super) fn release(&mut self, name: &str, panicked: bool) {
        let Some(latch) = self.0.get_mut(name) else { return };
        latch.holders = latch.holders.saturating_sub(1);
        latch.panicked |= panicked;
        if latch.holders == 0 && !latch.panicked {
            self.0.remove(name);
        }
    }

    pub(super) fn are_open(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn held(&self, now: Instant) -> impl Iterator<Item = Held> {
        self.0.iter().map(move |(name, latch)| Held {
            name: name.clone(),
            time: now.saturating_duration_since(latch.since),
            holders: latch.holders,
            panicked: latch.panicked,
        })
    }
}
