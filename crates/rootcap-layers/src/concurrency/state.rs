//! [`ConcurrencyState`]: a rule at one instant, for whoever looks.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Bounds, limit::Limit, shard::Shard};
use crate::admission::{Counts, Match, Per};

/// A rule at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyState {
    /// Its name.
    pub name: Arc<str>,
    /// Which calls it is about.
    pub matching: Match,
    /// What it tells callers apart by.
    pub per: Per,
    /// How much it lets through.
    pub bounds: Bounds,
    /// The calls in flight.
    pub in_flight: usize,
    /// The calls that wait.
    pub waiting: usize,
    /// How long the one of them has waited that has waited longest.
    pub oldest: Option<Duration>,
    /// How many callers have calls in flight or waiting; 0 if it does not tell them apart.
    pub callers: usize,
    /// Those of them that have most calls in flight, and then waiting.
    pub top: Vec<CallerState>,
    /// What it has decided so far.
    pub counts: Counts,
}

/// What a caller has now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CallerState {
    /// The calls in flight.
    pub in_flight: usize,
    /// The calls that wait.
    pub waiting: usize,
    /// Its address, its identity or the value of its metadata, cut and escaped.
    pub caller: String,
}

impl Limit {
    /// How it is at `now`, with at most `top` callers. Takes one lock after the other: what is in flight may be some
    /// microseconds apart.
    pub(super) fn state(&self, now: Instant, top: usize) -> ConcurrencyState {
        let mut state = ConcurrencyState {
            name: Arc::clone(&self.rule().name),
            matching: self.rule().matching.clone(),
            per: self.rule().per.clone(),
            bounds: self.bounds(),
            in_flight: 0,
            waiting: 0,
            oldest: None,
            callers: 0,
            top: Vec::new(),
            counts: self.tally().counts(),
        };
        for shard in self.shards() {
            state.add(&shard, now);
            if self.rule().per.is_keyed() {
                state.callers += shard.callers.iter().count();
                state.top.extend(top_of(&shard, top));
            }
        }
        state.top.sort_unstable_by(|one, other| other.cmp(one));
        state.top.truncate(top);
        state
    }
}

impl ConcurrencyState {
    fn add(&mut self, shard: &Shard, now: Instant) {
        for (_, gate) in shard.callers.iter() {
            self.in_flight += gate.in_flight();
            self.waiting += gate.queue().len();
            let oldest = gate.queue().oldest();
            let oldest = oldest.map(|since| now.saturating_duration_since(since));
            self.oldest = self.oldest.max(oldest);
        }
    }
}

/// Only those that are wanted are written out, as the lock is held meanwhile.
fn top_of(shard: &Shard, most: usize) -> Vec<CallerState> {
    let mut top = BinaryHeap::new();
    for (at, (_, gate)) in shard.callers.iter().enumerate() {
        top.push(Reverse((gate.in_flight(), gate.queue().len(), at)));
        if top.len() > most {
            top.pop();
        }
    }
    let mut wanted: Vec<_> = top.into_iter().map(|Reverse((.., at))| at).collect();
    wanted.sort_unstable();
    let mut wanted = wanted.into_iter().peekable();
    let callers = shard.callers.iter().enumerate();
    let callers = callers.filter(|(at, _)| wanted.next_if_eq(at).is_some());
    let callers = callers.map(|(_, (name, gate))| CallerState {
        in_flight: gate.in_flight(),
        waiting: gate.queue().len(),
        caller: name.to_string(),
    });
    callers.collect()
}
