//! The observer that counts calls.

use super::Stats;
use crate::{
    call::{Call, Direction},
    observe::Observer,
    outcome::Outcome,
};

/// Counts each call in the [`Stats`] of its method.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallMetrics;

fn stats(call: &Call) -> &Stats {
    call.method().stats()
}

impl Observer for CallMetrics {
    type State = ();

    fn on_start(&self, call: &Call) {
        stats(call).start();
    }

    fn on_message(&self, call: &Call, direction: Direction) {
        stats(call).message(direction);
    }

    fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
        if call.panicked() {
            stats(call).panic();
        }
        let (received, sent) = (call.bytes(Direction::Received), call.bytes(Direction::Sent));
        stats(call).end(outcome.code(), outcome.duration(), received, sent);
    }
}
