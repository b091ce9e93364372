//! [`Burst`]: the calls that are answered within one poll of their connection.
//!
//! HTTP/2 writes what there is before it takes the next request, which would be a write for each answer. While a burst
//! lasts they are held, for nothing but the end of the poll: whoever drives the connection ([`Bursts`]) then polls it
//! once more, and all leave in one write.
//!
//! Where other connections have requests, too, that poll comes after one trip through the run queue: they answer
//! meanwhile, and all write one after the other. A peer of several connections, such as a proxy, is then woken once and
//! not by each of them, which is what a write to the same host costs most (measured). A lone answer makes no trip, and
//! few are made where they meet nobody: [`Trips`].

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

/// So many bursts make no trip, at most, after one that has met nobody.
const MOST_STAYS: u8 = 15;

/// The burst of one connection. All of it happens on the connection's task: nothing is published through it.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    // Nanoseconds.
    left: AtomicU64,
    // Calls that were polled at once.
    answered: AtomicU32,
    joins: AtomicBool,
}

impl Burst {
    /// Whether there is time left to answer a call at once.
    pub(super) fn has_time(&self) -> bool {
        self.left.load(Relaxed) > 0
    }

    /// A call was polled at once, which took this long.
    pub(super) fn spend(&self, time: Duration) {
        self.left.store(self.left.load(Relaxed).saturating_sub(nanos(time)), Relaxed);
        self.answered.store(self.answered().saturating_add(1), Relaxed);
    }

    /// Whether writes are held: the poll of the connection is not over, and more answers may join.
    pub(super) fn lasts(&self) -> bool {
        self.answered() > 0
    }

    fn answered(&self) -> u32 {
        self.answered.load(Relaxed)
    }

    /// Notes whether frames were taken and nobody has tried to send them.
    pub(super) fn set_joins(&self, joins: bool) {
        self.joins.store(joins, Relaxed);
    }

    /// Whether there are such frames.
    pub(super) fn joins(&self) -> bool {
        self.joins.load(Relaxed)
    }

    /// Lets out what was held; returns whether the connection has to be polled once more for it.
    fn let_out(&self) -> bool {
        let answered = self.lasts();
        self.answered.store(0, Relaxed);
        answered || self.joins()
    }

    /// There is this much time.
    pub(super) fn renew(&self, time: Duration) {
        self.left.store(nanos(time), Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Drives a connection, burst by burst.
#[derive(Debug)]
pub(super) struct Bursts {
    time: Duration,
    trips: Trips,
}

impl Bursts {
    /// The calls of a burst may take this long.
    pub(super) fn new(time: Duration) -> Self {
        Self { time, trips: Trips::default() }
    }

    /// Polls a connection to the end of a burst.
    pub(super) fn poll<C: Future>(
        &mut self,
        burst: &Burst,
        mut connection: Pin<&mut C>,
        cx: &mut Context<'_>,
    ) -> Poll<C::Output> {
        let polls = count_poll();
        self.trips.end(polls);
        burst.renew(self.time);
        let polled = connection.as_mut().poll(cx);
        let several = burst.answered() > 1;
        if polled.is_ready() || !burst.let_out() {
            return polled;
        }
        if several && self.trips.begin(polls) {
            cx.waker().wake_by_ref();
            return polled;
        }
        let polled = connection.poll(cx);
        // Another burst has come in behind the first. It leaves in the next poll: others run before.
        if polled.is_pending() && burst.let_out() {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

/// Which bursts of a connection make a trip through the run queue: each one, but the more trips in a row have met nobody,
/// the fewer. It is given how often the thread has polled connections, the poll that asks included.
#[derive(Debug, Default)]
struct Trips {
    since: Option<u64>,
    stays: u8,
    stays_after_the_last: u8,
}

impl Trips {
    /// Whether the burst that has just been answered makes one.
    fn begin(&mut self, polls: u64) -> bool {
        let goes = self.stays == 0;
        self.since = goes.then_some(polls);
        self.stays = self.stays.saturating_sub(1);
        goes
    }

    /// The connection is polled again. On another thread than before it has met those that took it there.
    fn end(&mut self, polls: u64) {
        let Some(since) = self.since.take() else { return };
        let met_nobody = polls == since + 1;
        self.stays_after_the_last =
            if met_nobody { MOST_STAYS.min(2 * self.stays_after_the_last + 1) } else { 0 };
        self.stays = self.stays_after_the_last;
    }
}

/// How often this thread has polled a connection, with this time.
fn count_poll() -> u64 {
    thread_local!(static POLLS: Cell<u64> = const { Cell::new(0) });
    POLLS.with(|polls| {
        polls.set(polls.get() + 1);
        polls.get()
    })
}

#[cfg(test)]
mod tests;
