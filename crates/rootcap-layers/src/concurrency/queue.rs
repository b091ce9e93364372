//! [`Queue`]: who waits for a permit, in which order they get one, and who need not wait because it would be in vain.
//!
//! **Adaptive LIFO.** The oldest goes first while the queue is short. When it is long, more calls come than can be
//! served, and some will not be in time whatever is done: then the newest goes first, whose caller has most time left,
//! and those who have waited longest are given up instead of making everyone late (Ben Maurer, "Fail at Scale", ACM
//! Queue 13 (8), 2015, "Adaptive LIFO": <https://queue.acm.org/detail.cfm?id=2839461>).

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// A place in a queue. No two of a queue are the same, not even one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Those who wait, each with what wakes it.
#[derive(Debug)]
pub(super) struct Queue<W> {
    /// In the order of their arrival.
    waiting: BTreeMap<Ticket, Waiter<W>>,
    next: u64,
}

#[derive(Debug)]
struct Waiter<W> {
    since: Instant,
    until: Instant,
    who: W,
}

/// Why somebody who came was not let into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// As many wait as may.
    Full,
    /// Its turn would probably come too late: after so long.
    TooLate(Duration),
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: 0 }
    }
}

impl<W> Queue<W> {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether whoever has this ticket waits.
    #[cfg(test)]
    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.waiting.contains_key(&ticket)
    }

    /// Since when the oldest waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, waiter)| waiter.since)
    }

    /// Whether one may wait from `now` until `until` at most, among `most` at most. `interval` is how long it takes, as far
    /// as is known, from one turn to the next.
    pub(super) fn admits(
        &self,
        most: usize,
        now: Instant,
        until: Instant,
        interval: Option<Duration>,
    ) -> Result<(), Closed> {
        if self.len() >= most {
            return Err(Closed::Full);
        }
        match interval.map(|interval| self.wait_of_next(most, interval)) {
            Some(wait) if now.checked_add(wait).is_none_or(|turn| turn > until) => {
                Err(Closed::TooLate(wait))
            }
            _ => Ok(()),
        }
    }

    /// Lets `who`, whom the queue [admits](Self::admits), wait.
    pub(super) fn enter(&mut self, who: W, since: Instant, until: Instant) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, Waiter { since, until, who });
        ticket
    }

    /// How long somebody who comes now would wait, if nobody else came.
    pub(super) fn wait_of_next(&self, most: usize, interval: Duration) -> Duration {
        let length = self.len() + 1;
        let turns = if is_long(length, most) { 1 } else { length };
        interval.saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
    }

    /// Whose turn it is. Those whose time is up have none: they are dropped.
    pub(super) fn next(&mut self, most: usize, now: Instant) -> Option<W> {
        loop {
            let newest_first = is_long(self.len(), most);
            let (_, waiter) = match newest_first {
                true => self.waiting.pop_last(),
                false => self.waiting.pop_first(),
            }?;
            if now < waiter.until {
                return Some(waiter.who);
            }
        }
    }

    /// Whoever has this ticket waits no longer, if it still does.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.waiting.remove(&ticket).map(|waiter| waiter.who)
    }
}

/// Whether a queue of `most` is so long that the newest goes first: more than half full.
fn is_long(length: usize, most: usize) -> bool {
    length > most / 2
}

#[cfg(test)]
mod tests;
