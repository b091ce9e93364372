//! The observer that counts calls.

use super::Stats;
use crate::{
    call::{Call, Direction, Record},
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

    fn on_messages(&self, call: &Call, direction: Direction, count: u64) {
        stats(call).messages(direction, count);
    }

    fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
        stats(call).end(&Record::of(call, outcome));
    }
}
