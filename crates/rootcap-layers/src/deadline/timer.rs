//! Tells when the time is up.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep};

/// Tells when the time is up; without a deadline, never.
#[derive(Debug)]
pub(super) struct Timer {
    at: Option<Instant>,
    // Made when the call first has to wait: most calls never do, and a timer costs a wake-up of the driver. In a box: all
    // calls are moved.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    #[inline]
    pub(super) fn new(at: Option<Instant>) -> Self {
        Self { at, sleep: None }
    }

    #[inline]
    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    #[inline]
    pub(super) fn is_up(&self) -> bool {
        self.at.is_some_and(|at| at <= Instant::now())
    }

    /// Whether the time is up; if not, the task is woken when it is.
    ///
    /// The clock decides, not the timer: a task that uses up tokio's budget each time it is polled would
    /// never get to see its timer fire.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_up() {
            return Poll::Ready(());
        }
        let Some(at) = self.at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        sleep.as_mut().poll(cx)
    }
}
