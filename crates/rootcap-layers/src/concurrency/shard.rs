//! [`Shard`]: some callers of a limit, under one lock.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use super::{
    Bounds,
    callers::Callers,
    name::Id,
    over::{Over, Why},
    permit::Permit,
    queue::Ticket,
};
use crate::admission::{Caller, Mode};

/// As good as for ever.
const FAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Gives a permit to a call that waits for it.
pub(super) type Turn = oneshot::Sender<Permit>;

/// Some callers of a limit.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) bounds: Bounds,
    pub(super) callers: Callers<Turn>,
    /// All calls are one caller's, which is never forgotten.
    one_caller: bool,
}

/// What a call gets that is not refused at once.
#[derive(Debug)]
pub(super) enum Got {
    /// A permit.
    Permit,
    /// A permit, which a rule that does more than observe would not have given.
    Observed(Over),
    /// A place in the queue.
    Place(Wait),
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) granted: oneshot::Receiver<Permit>,
    pub(super) ticket: Ticket,
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// What it means that the time is up.
    pub(super) late: Why,
}

impl Shard {
    pub(super) fn new(bounds: Bounds, one_caller: bool) -> Self {
        let mut callers = Callers::default();
        if one_caller {
            callers.of(Id::ALL, Caller::Unknown);
        }
        Self { bounds, callers, one_caller }
    }

    /// Where this caller is.
    #[inline]
    fn caller(&mut self, (id, caller): (Id, Caller<'_>)) -> usize {
        if self.one_caller { 0 } else { self.callers.of(id, caller) }
    }

    /// Gives a permit to a call of this caller, if there is one left; and tells where the caller is.
    #[inline]
    pub(super) fn take(
        &mut self,
        caller: (Id, Caller<'_>),
        clock: impl FnOnce() -> Instant,
    ) -> Option<usize> {
        let at = self.caller(caller);
        let gate = self.callers.gate(at);
        let has_room = gate.has_room(&self.bounds);
        if has_room {
            gate.take(&self.bounds, clock);
        }
        has_room.then_some(at)
    }

    /// Gives a permit or a place in the queue to a call of this caller that must have ended by `deadline`; and tells where
    /// the caller is.
    pub(super) fn ask(
        &mut self,
        caller: (Id, Caller<'_>),
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<(usize, Got), Over> {
        // There may be one by now.
        if let Some(at) = self.take(caller, || now) {
            return Ok((at, Got::Permit));
        }
        let at = self.caller(caller);
        let Self { bounds, callers, .. } = self;
        let gate = callers.gate(at);
        if bounds.mode == Mode::Observe {
            let excess = Why::excess(gate, bounds);
            let excess = excess.map(|why| Over::new(gate, bounds, why, now));
            gate.take(bounds, || now);
            return Ok((at, excess.map_or(Got::Permit, Got::Observed)));
        }
        let (until, late) = until(now, deadline, bounds);
        if let Err(closed) = gate.may_wait(bounds, now, until) {
            return Err(Over::new(gate, bounds, Why::closed(closed, bounds, late), now));
        }
        let (turn, granted) = oneshot::channel();
        let ticket = gate.wait(turn, now, until);
        Ok((at, Got::Place(Wait { granted, ticket, since: now, until, late })))
    }

    /// Takes a permit back; returns who is to have it.
    #[inline]
    pub(super) fn release(&mut self, at: usize) -> Option<Turn> {
        self.callers.gate(at).release(Instant::now);
        let next = self.next(at);
        self.linger_if_idle(at);
        next
    }

    /// Who is to have a permit that is left.
    #[inline]
    pub(super) fn next(&mut self, at: usize) -> Option<Turn> {
        self.callers.gate(at).next(&self.bounds, Instant::now)
    }

    /// All who are to have permits that are left, and where they are.
    pub(super) fn all_next(&mut self) -> Vec<(usize, Turn)> {
        let mut turns = Vec::new();
        for at in self.callers.places() {
            turns.extend(std::iter::from_fn(|| self.next(at)).map(|turn| (at, turn)));
        }
        turns
    }

    /// Gives up a place in the queue, if it is one still.
    pub(super) fn leave(&mut self, at: usize, ticket: Ticket) {
        self.callers.gate(at).leave(ticket);
        self.linger_if_idle(at);
    }

    /// Gives up a place in the queue whose time is up.
    pub(super) fn late(&mut self, at: usize, wait: &Wait) -> Over {
        let (gate, now) = (self.callers.gate(at), Instant::now());
        let over = Over::new(gate, &self.bounds, wait.late, now);
        let over = over.waited(now.saturating_duration_since(wait.since));
        // If its turn had come, and was too late, the place may be another caller's by now.
        let is_its_own = gate.leave(wait.ticket).is_some();
        self.linger_if_idle(at);
        if is_its_own { over } else { over.of_another() }
    }

    #[inline]
    fn linger_if_idle(&mut self, at: usize) {
        if !self.one_caller {
            self.callers.linger_if_idle(at);
        }
    }
}

/// How long a call may wait at most, and what it means if that is not enough.
fn until(now: Instant, deadline: Option<Instant>, bounds: &Bounds) -> (Instant, Why) {
    let timeout = now.checked_add(bounds.queue_timeout).unwrap_or(now + FAR);
    match deadline {
        Some(deadline) if deadline <= timeout => (deadline, Why::Deadline),
        _ => (timeout, Why::Timeout),
    }
}
