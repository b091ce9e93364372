//! [`Record`]: what is left of a call when it has ended.

use std::time::Duration;

use tonic::Code;

use super::{Call, Direction, PhaseTimes};
use crate::outcome::Outcome;

/// A call's record, made once at its end: numbers that refer to nothing, so that they may be kept.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// How it ended.
    pub code: Code,
    /// From the arrival of the headers to the end of the body.
    pub duration: Duration,
    /// Where that time went.
    pub phases: PhaseTimes,
    /// Bytes of the request's body.
    pub received_bytes: u64,
    /// Bytes of the response's body.
    pub sent_bytes: u64,
    /// Whether the handler or a layer panicked.
    pub panicked: bool,
}

impl Record {
    /// The record of a call that has ended so.
    #[inline]
    pub fn of(call: &Call, outcome: &Outcome) -> Self {
        Self {
            code: outcome.code(),
            duration: outcome.duration(),
            phases: call.phase_times(),
            received_bytes: call.bytes(Direction::Received),
            sent_bytes: call.bytes(Direction::Sent),
            panicked: call.panicked(),
        }
    }
}
