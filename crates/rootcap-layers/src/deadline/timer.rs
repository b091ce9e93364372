//! Tells when the time is up.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

pin_project! {
    /// Tells when the time is up; without a deadline, never.
    #[derive(Debug)]
    pub(super) struct Timer {
        at: Option<Instant>,
        // Made when the call first has to wait: most calls never do, and a timer costs a wake-up of the driver.
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Timer {
    pub(super) fn new(at: Option<Instant>) -> Self {
        Self { at, sleep: None }
    }

    pub(super) fn at(&self) -> Option<Instant> {
        self.at
    }

    pub(super) fn is_up(&self) -> bool {
        self.at.is_some_and(|at| at <= Instant::now())
    }

    /// Whether the time is up; if not, the task is woken when it is.
    ///
    /// The clock decides, not the timer: a task that uses up tokio's budget each time it is polled would
    /// never get to see its timer fire.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_up() {
            return Poll::Ready(());
        }
        let this = self.project();
        let Some(at) = *this.at else { return Poll::Pending };
        let mut sleep = this.sleep;
        if sleep.is_none() {
            sleep.set(Some(tokio::time::sleep_until(at)));
        }
        sleep.as_pin_mut().map_or(Poll::Pending, |sleep| sleep.poll(cx))
    }
}
