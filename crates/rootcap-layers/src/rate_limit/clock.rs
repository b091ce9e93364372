//! The clock: tokio's, so that a test may stop it.

use governor::{clock::Clock, nanos::Nanos};
use tokio::time::Instant;

/// Counts from the moment when it was made.
#[derive(Debug, Clone)]
pub(super) struct TokioClock {
    origin: Instant,
}

impl TokioClock {
    pub(super) fn start() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.origin.elapsed().into()
    }
}
