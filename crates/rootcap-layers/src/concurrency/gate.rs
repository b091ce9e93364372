//! [`Gate`]: the permits of one limit, and who waits for one.

use std::{num::NonZeroUsize, time::Duration};

use tokio::time::Instant;

use super::{
    pace::Pace,
    queue::{Closed, Queue, Ticket},
};
use crate::admission::Mode;

/// What a rule lets through. All of it may change while calls are in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many calls may be in flight; of each caller, where the rule counts by caller.
    pub limit: NonZeroUsize,
    /// How many calls may wait until one of them has ended; of each caller, again.
    pub queue: usize,
    /// How long a call waits at most.
    pub queue_timeout: Duration,
    /// Whether calls beyond are refused, or only counted.
    pub mode: Mode,
}

/// Counts permits, and gives those that come back to whoever waits.
#[derive(Debug)]
pub(super) struct Gate<W> {
    in_flight: usize,
    queue: Queue<W>,
    pace: Pace,
}

impl<W> Default for Gate<W> {
    fn default() -> Self {
        Self { in_flight: 0, queue: Queue::default(), pace: Pace::default() }
    }
}

impl<W> Gate<W> {
    /// Makes it as good as new, with nobody in it.
    pub(super) fn forget(&mut self) {
        self.pace = Pace::default();
    }

    /// How many permits are out.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Who waits.
    pub(super) fn queue(&self) -> &Queue<W> {
        &self.queue
    }

    /// Whether nobody has a permit, or waits for one.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.queue.len() == 0
    }

    /// Whether a call that comes now has a permit at once. Nobody passes those who wait.
    #[inline]
    pub(super) fn has_room(&self, bounds: &Bounds) -> bool {
        self.in_flight < bounds.limit.get() && self.queue.len() == 0
    }

    /// Gives a permit, also where there is none left. The clock is asked only where the time tells something.
    #[inline]
    pub(super) fn take(&mut self, bounds: &Bounds, clock: impl FnOnce() -> Instant) {
        self.in_flight += 1;
        if self.in_flight >= bounds.limit.get() {
            self.pace.busy(clock());
        }
    }

    /// Whether a call may wait from `now` until `until`, at most.
    pub(super) fn may_wait(
        &self,
        bounds: &Bounds,
        now: Instant,
        until: Instant,
    ) -> Result<(), Closed> {
        self.queue.admits(bounds.queue, now, until, self.pace.interval(now))
    }

    /// Lets `who`, which [may](Self::may_wait), wait.
    pub(super) fn wait(&mut self, who: W, now: Instant, until: Instant) -> Ticket {
        self.queue.enter(who, now, until)
    }

    /// Whoever has this ticket waits no longer, if it still does.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.queue.leave(ticket)
    }

    /// Takes a permit back. Here, too, the clock is asked only where the time tells something.
    #[inline]
    pub(super) fn release(&mut self, clock: impl FnOnce() -> Instant) {
        self.in_flight -= 1;
        if self.pace.is_busy() {
            self.pace.release(clock());
        }
    }

    /// Who has a permit now that waited for it, if there is one left; to be asked until there is none.
    #[inline]
    pub(super) fn next(&mut self, bounds: &Bounds, clock: impl FnOnce() -> Instant) -> Option<W> {
        if self.queue.len() == 0
            || !(self.in_flight < bounds.limit.get() || bounds.mode == Mode::Observe)
        {
            return None;
        }
        let now = clock();
        let who = self.queue.next(bounds.queue, now)?;
        self.take(bounds, || now);
        Some(who)
    }

    /// About how long it takes until a call that comes now could be served; `None` where nothing is known yet.
    pub(super) fn estimated_wait(&self, bounds: &Bounds, now: Instant) -> Option<Duration> {
        Some(self.queue.wait_of_next(bounds.queue, self.pace.interval(now)?))
    }
}

#[cfg(test)]
mod tests;
