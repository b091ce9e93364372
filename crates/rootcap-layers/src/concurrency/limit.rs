//! [`Limit`]: a rule at work.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use metrics::{Histogram, histogram};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{
    Bounds, ConcurrencyRule, POLICY, QUEUE_TIME,
    name::{Id, Ids, Name},
    over::{Over, Said},
    permit::{Permit, Place},
    queue::Ticket,
    seen::Seen,
    shard::{Got, Shard, Turn, Wait},
    waiting::Waiting,
};
use crate::{
    Method,
    admission::{Caller, Reason, Refusal, ShedCode, Tally},
    limits::Verdict,
};

/// Callers are spread over so many locks.
const SHARDS: usize = 16;
/// Why it refuses calls.
const REASONS: &[Reason] = &[
    Reason::ConcurrencyLimitExceeded,
    Reason::QueueFull,
    Reason::QueueDeadline,
    Reason::QueueTimeout,
];

/// A rule at work: who has how many calls in flight, and who waits.
pub(super) struct Limit {
    rule: ConcurrencyRule,
    ids: Ids,
    shards: Box<[Mutex<Shard>]>,
    tally: Tally,
    said: Said,
    queue_time: OnceLock<Histogram>,
    seen: Seen,
}

/// What a call gets that is not refused at once.
#[derive(Debug)]
pub(super) enum Asked {
    Admitted(Permit),
    Waits(Waiting),
}

/// What a limit has to know of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) method: Option<&'a Arc<Method>>,
    /// When it must have ended.
    pub(super) deadline: Option<Instant>,
    pub(super) now: Instant,
}

impl Limit {
    pub(super) fn new(rule: ConcurrencyRule) -> Self {
        let one_caller = !rule.per.is_keyed();
        let shard = || Mutex::new(Shard::new(rule.bounds, one_caller));
        let shards = if one_caller { 1 } else { SHARDS };
        Self {
            ids: Ids::new(),
            shards: (0..shards).map(|_| shard()).collect(),
            tally: Tally::new(POLICY, rule.name.clone(), REASONS),
            said: Said::default(),
            queue_time: OnceLock::new(),
            seen: Seen::since(Instant::now()),
            rule,
        }
    }

    /// The rule, as it was when it was set to work: its [`bounds`](Self::bounds) may have changed since.
    pub(super) fn rule(&self) -> &ConcurrencyRule {
        &self.rule
    }

    /// How much it lets through now.
    pub(super) fn bounds(&self) -> Bounds {
        self.shard(0).bounds
    }

    /// What it has decided so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Lets more or less through from now on. Calls that wait and are within the bounds now are served at once; calls in
    /// flight that are beyond them go on, and hold their permits to their end.
    pub(super) fn change(self: &Arc<Self>, bounds: Bounds) {
        for at in 0..self.shards.len() {
            let mut shard = self.shard(at);
            shard.bounds = bounds;
            let turns = shard.all_next();
            drop(shard);
            for (caller, turn) in turns {
                let permit = Permit::new(Arc::clone(self), Place::new(at, caller));
                drop(permit.pass(turn));
            }
        }
    }

    /// Whose limit this is about, for a call of this caller.
    #[inline]
    pub(super) fn id(&self, caller: Caller<'_>) -> Id {
        if self.rule.per.is_keyed() { self.ids.of(caller) } else { Id::ALL }
    }

    /// A permit for a call of this caller, if there is one left.
    #[inline]
    pub(super) fn take(
        self: &Arc<Self>,
        caller: (Id, Caller<'_>),
        method: Option<&Arc<Method>>,
        clock: impl FnOnce() -> Instant,
    ) -> Option<Permit> {
        let shard = caller.0.spread(self.shards.len());
        let at = self.shard(shard).take(caller, clock)?;
        self.tally.allowed(method);
        Some(Permit::new(Arc::clone(self), Place::new(shard, at)))
    }

    /// A permit for a call of this caller, or a place in the queue.
    pub(super) fn ask(
        self: &Arc<Self>,
        caller: (Id, Caller<'_>),
        asking: Asking<'_>,
    ) -> Result<Asked, Over> {
        let shard = caller.0.spread(self.shards.len());
        let got = self.shard(shard).ask(caller, asking.now, asking.deadline);
        let (at, got) = got.inspect_err(|over| self.refused(over, asking.method, caller.1))?;
        let place = Place::new(shard, at);
        match got {
            Got::Permit => self.tally.allowed(asking.method),
            Got::Observed(over) => {
                self.tally.observed(asking.method, over.why().reason());
                self.note((asking.method, caller.1), (Verdict::Observed, &over));
            }
            Got::Place(wait) => {
                let name = Name::of(caller.1);
                return Ok(Asked::Waits(Waiting::new(Arc::clone(self), place, name, wait)));
            }
        }
        Ok(Asked::Admitted(Permit::new(Arc::clone(self), place)))
    }

    /// What the caller of a call that is refused is told.
    pub(super) fn refusal(&self, over: &Over, code: ShedCode) -> Refusal {
        over.refusal(&self.rule, &self.said, code)
    }

    pub(super) fn refused(&self, over: &Over, method: Option<&Arc<Method>>, caller: Caller<'_>) {
        self.tally.refused(method, over.why().reason());
        self.note((method, caller), (Verdict::Shed, over));
    }

    fn note(
        &self,
        (method, caller): (Option<&Arc<Method>>, Caller<'_>),
        decided: (Verdict, &Over),
    ) {
        self.seen.note(&self.rule.name, (method, &caller.to_string()), decided);
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Takes a permit back; returns who is to have it.
    #[inline]
    pub(super) fn release(&self, place: Place) -> Option<Turn> {
        self.shard(place.shard()).release(place.caller())
    }

    pub(super) fn leave(&self, place: Place, ticket: Ticket) {
        self.shard(place.shard()).leave(place.caller(), ticket);
    }

    pub(super) fn late(&self, place: Place, wait: &Wait) -> Over {
        self.shard(place.shard()).late(place.caller(), wait)
    }

    /// How long calls have waited. Looked up when one first has, as until then there may be no recorder.
    pub(super) fn queue_time(&self) -> &Histogram {
        let rule = || Arc::clone(&self.rule.name);
        self.queue_time.get_or_init(|| histogram!(QUEUE_TIME.name, "rule" => rule()))
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        (0..self.shards.len()).map(|at| self.shard(at))
    }

    /// The lock is held for what is done to some numbers. Permits are given without it: who is woken may be dropped at once,
    /// and give back what it was given.
    #[inline]
    fn shard(&self, at: usize) -> MutexGuard<'_, Shard> {
        self.shards[at].lock()
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("rule", &self.rule).finish_non_exhaustive()
    }
}
