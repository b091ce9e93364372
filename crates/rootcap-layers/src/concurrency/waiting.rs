//! [`Waiting`]: a call in the queue.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::{
    limit::Limit,
    name::Name,
    permit::{Permit, Place},
    shard::Wait,
};
use crate::{
    Call, Method, Phase,
    admission::{Refusal, ShedCode},
};

/// A call in the queue of a limit. It has left when this is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    limit: Arc<Limit>,
    place: Place,
    caller: Name,
    wait: Wait,
}

impl Waiting {
    pub(super) fn new(limit: Arc<Limit>, place: Place, caller: Name, wait: Wait) -> Self {
        Self { limit, place, caller, wait }
    }

    /// A permit for the call, which is of this method, when its turn has come; or what its caller is told if that does
    /// not come in time.
    pub(super) async fn turn(
        mut self,
        method: Option<&Arc<Method>>,
        code: ShedCode,
    ) -> Result<Permit, Refusal> {
        now_in(Phase::Queue);
        let turn = timeout_at(self.wait.until, &mut self.wait.granted).await;
        now_in(Phase::Handler);
        // The time may be up before the timer says so: then the turn has come too late, and there is no permit.
        if let Ok(Ok(permit)) = turn {
            self.limit.tally().allowed(method);
            return Ok(permit);
        }
        let over = self.limit.late(self.place, &self.wait);
        self.limit.refused(&over, method, self.caller.caller());
        Err(self.limit.refusal(&over, code))
    }
}

/// The call that is served here, if it is known, is in this phase from now on.
fn now_in(phase: Phase) {
    Call::with_current(|call| call.into_iter().for_each(|call| call.set_phase(phase)));
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.limit.leave(self.place, self.wait.ticket);
        let waited = Instant::now().saturating_duration_since(self.wait.since);
        self.limit.queue_time().record(waited);
    }
}
