//! [`Burst`]: the calls that are answered within one poll of their connection.
//!
//! HTTP/2 writes what there is before it takes the next request, which would be a write for each answer. While a burst
//! lasts they are held, for nothing but the end of the poll: whoever drives the connection then polls it once more, and
//! all leave in one write.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

/// The burst of one connection. All of it happens on the connection's task: nothing is published through it.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    // Nanoseconds.
    left: AtomicU64,
    answered: AtomicBool,
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
        self.answered.store(true, Relaxed);
    }

    /// Whether writes are held: the poll of the connection is not over, and more answers may join.
    pub(super) fn lasts(&self) -> bool {
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
        self.answered.store(false, Relaxed);
        answered || self.joins()
    }

    /// There is this much time.
    pub(super) fn renew(&self, time: Duration) {
        self.left.store(nanos(time), Relaxed);
    }

    /// Polls a connection to the end of its burst, in which calls may take this long.
    pub(super) fn poll<C: Future>(
        &self,
        time: Duration,
        mut connection: Pin<&mut C>,
        cx: &mut Context<'_>,
    ) -> Poll<C::Output> {
        self.renew(time);
        let polled = connection.as_mut().poll(cx);
        if polled.is_ready() || !self.let_out() {
            return polled;
        }
        let polled = connection.poll(cx);
        // Another burst has come in behind the first. It leaves in the next poll: others run before.
        if polled.is_pending() && self.let_out() {
            cx.waker().wake_by_ref();
        }
        polled
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
