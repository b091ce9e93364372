//! [`Polled`]: the clock of the HTTP/2 library, which asks for the time with each frame that it reads.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;

use super::io_stats::IoStats;

/// Tokio's timer, with the time of the connection's last poll as the present: all that the library asks about, when it
/// last read and when its ping went out, happens in a poll. A look at the clock for each of four frames was 2 % of what a
/// short call takes.
#[derive(Debug)]
pub(super) struct Polled {
    tokio: TokioTimer,
    io: Arc<IoStats>,
}

impl Polled {
    pub(super) fn new(io: Arc<IoStats>) -> Self {
        Self { tokio: TokioTimer::new(), io }
    }
}

impl Timer for Polled {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.tokio.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.tokio.sleep_until(deadline)
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, new_deadline: Instant) {
        self.tokio.reset(sleep, new_deadline);
    }

    fn now(&self) -> Instant {
        self.io.last_poll().into_std()
    }
}
