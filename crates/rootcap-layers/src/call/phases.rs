//! The phases of a [`Call`]: who may change them, and who reads them.
//!
//! What changes them is not inlined: the benchmark counts what it takes of a call, function by function.

use std::time::Duration;

use tokio::time::Instant;

use super::{Call, Phase, PhaseTimes};
use crate::nanos::nanos;

impl Call {
    /// What the call does now; `None` when it has ended.
    #[inline]
    pub fn phase(&self) -> Option<Phase> {
        self.inner().ledger.phase()
    }

    /// Notes what the call does from now on: [`Phase::Queue`] by a layer that makes it wait for its turn, and
    /// [`Phase::Handler`] by the same one when its turn has come. What is the phase already costs one look; a call that has
    /// ended stays so.
    #[inline]
    pub fn set_phase(&self, phase: Phase) {
        if self.phase().is_some_and(|current| current != phase) {
            self.inner().ledger.enter(phase, self.nanos_since_start());
        }
    }

    /// To be called by a server whose task for this call has polled what there is to be polled and has to wait: notes if it
    /// is the reader that it waits for.
    #[inline]
    pub fn note_wait(&self) {
        let asks_for_more = self.is_answered() && !self.inner().ledger.waits_for_handler();
        if asks_for_more || self.unsent().waits() {
            self.set_phase(Phase::Stalled);
        }
    }

    /// How long the call has been in each phase so far; when it has ended, in all.
    #[inline]
    pub fn phase_times(&self) -> PhaseTimes {
        // Of a call that has ended, nothing changes any more.
        let now = self.phase().map_or(0, |_| self.nanos_since_start());
        self.inner().ledger.times(now)
    }

    /// The layers and the handler are polled: nothing has answered yet.
    pub(crate) fn note_handler_polled(&self) {
        self.leave(Phase::Stalled, Phase::Handler);
    }

    /// The handler has asked for more of the request, and whether there was none yet.
    pub(crate) fn note_request_polled(&self, waits: bool) {
        match waits {
            true => self.leave(Phase::Handler, Phase::Body),
            false => self.leave(Phase::Body, Phase::Handler),
        }
    }

    /// The server asks the body for more: its reader takes it.
    pub(crate) fn note_body_polled(&self) {
        self.leave(Phase::Stalled, Phase::Streaming);
    }

    /// Whether the handler had nothing when it was asked for more of its answer.
    pub(crate) fn note_waits_for_handler(&self, waits: bool) {
        self.inner().ledger.set_waits_for_handler(waits);
    }

    /// How long the call took; `None` while it goes on.
    #[inline]
    pub fn took(&self) -> Option<Duration> {
        self.inner().ledger.ended().map(Duration::from_nanos)
    }

    /// The call has ended, so long after its start.
    pub(crate) fn end_phases(&self, after: Duration) {
        self.inner().ledger.end(nanos(after));
    }

    #[inline]
    fn leave(&self, from: Phase, to: Phase) {
        if self.phase() == Some(from) {
            self.set_phase(to);
        }
    }

    fn nanos_since_start(&self) -> u64 {
        nanos(Instant::now().saturating_duration_since(self.started()))
    }
}
