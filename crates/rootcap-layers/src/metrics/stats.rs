//! The statistics of one method.

use std::{
    array,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{Histogram, HistogramSnapshot, Tally, distribution::Distribution};
use crate::{
    call::{Direction, Phase, Record},
    outcome::CODES,
};

/// The statistics of one method: atomics, written by the metrics observer, read by everyone.
#[derive(Debug)]
pub struct Stats {
    started: AtomicU64,
    handled: [AtomicU64; CODES.len()],
    latency: Histogram,
    received_messages: AtomicU64,
    sent_messages: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    panicked: AtomicU64,
    /// Made when the first call ends: most methods of a large service are never called.
    detail: OnceLock<Box<Detail>>,
}

/// What is large of a method's statistics: 2.5 KiB.
#[derive(Debug)]
struct Detail {
    latency: Distribution,
    phases: [Histogram; Phase::ALL.len()],
}

impl Detail {
    fn new(buckets: &Arc<[f64]>) -> Box<Self> {
        let phases = array::from_fn(|_| Histogram::new(Arc::clone(buckets)));
        Box::new(Self { latency: Distribution::default(), phases })
    }

    fn end(&self, record: &Record) {
        self.latency.record(record.duration);
        for (phase, histogram) in Phase::ALL.into_iter().zip(&self.phases) {
            let time = record.phases.of(phase);
            if !time.is_zero() {
                histogram.record(time);
            }
        }
    }

    fn absorb(&self, other: &Self) {
        self.latency.absorb(&other.latency);
        for (phase, others) in self.phases.iter().zip(&other.phases) {
            phase.absorb(others);
        }
    }
}

/// [`Stats`] at one instant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StatsSnapshot {
    /// Calls begun.
    pub started: u64,
    /// Calls ended, by status code (the index is the code's number).
    pub handled: [u64; CODES.len()],
    /// From the arrival of the headers to the end of the body.
    pub latency: HistogramSnapshot,
    /// Complete messages from clients.
    pub received_messages: u64,
    /// Complete messages to clients.
    pub sent_messages: u64,
    /// Bytes of request bodies.
    pub received_bytes: u64,
    /// Bytes of response bodies.
    pub sent_bytes: u64,
    /// Calls that have begun and not ended.
    pub in_flight: i64,
    /// Calls that ended by a panic.
    pub panicked: u64,
}

impl Stats {
    /// Nothing counted yet; `buckets` as in [`Histogram::new`].
    pub fn new(buckets: Arc<[f64]>) -> Self {
        Self {
            started: AtomicU64::new(0),
            handled: array::from_fn(|_| AtomicU64::new(0)),
            latency: Histogram::new(buckets),
            received_messages: AtomicU64::new(0),
            sent_messages: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
            detail: OnceLock::new(),
        }
    }

    fn detail(&self) -> &Detail {
        self.detail.get_or_init(|| Detail::new(self.latency.bounds()))
    }

    pub(crate) fn start(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    pub(crate) fn messages(&self, direction: Direction, count: u64) {
        match direction {
            Direction::Received => self.received_messages.fetch_add(count, Relaxed),
            Direction::Sent => self.sent_messages.fetch_add(count, Relaxed),
        };
    }

    pub(crate) fn end(&self, record: &Record) {
        self.handled[record.code as usize].fetch_add(1, Relaxed);
        self.latency.record(record.duration);
        self.detail().end(record);
        self.received_bytes.fetch_add(record.received_bytes, Relaxed);
        self.sent_bytes.fetch_add(record.sent_bytes, Relaxed);
        if record.panicked {
            self.panicked.fetch_add(1, Relaxed);
        }
    }

    /// Calls that have begun and not ended.
    pub fn in_flight(&self) -> i64 {
        in_flight(&self.ended(), self.started.load(Relaxed))
    }

    /// Those that have ended, by status code.
    fn ended(&self) -> [u64; CODES.len()] {
        array::from_fn(|code| self.handled[code].load(Relaxed))
    }

    /// Adds all of `other`, whose calls have ended.
    pub(crate) fn absorb(&self, other: &Stats) {
        let add = |to: &AtomicU64, from: &AtomicU64| to.fetch_add(from.load(Relaxed), Relaxed);
        add(&self.started, &other.started);
        for (to, from) in self.handled.iter().zip(&other.handled) {
            add(to, from);
        }
        self.latency.absorb(&other.latency);
        add(&self.received_messages, &other.received_messages);
        add(&self.sent_messages, &other.sent_messages);
        add(&self.received_bytes, &other.received_bytes);
        add(&self.sent_bytes, &other.sent_bytes);
        add(&self.panicked, &other.panicked);
        if let Some(others) = other.detail.get() {
            self.detail().absorb(others);
        }
    }

    /// How many calls have ended so far, by how long they took and by code; `None` before the first.
    pub fn tally(&self) -> Option<Tally> {
        let codes = self.handled.iter().map(|count| count.load(Relaxed));
        Some(Tally::new(self.detail.get()?.latency.counts(), codes))
    }

    /// The times that calls which have ended spent in this phase, if they were in it; `None` before the first has ended.
    pub fn phase(&self, phase: Phase) -> Option<HistogramSnapshot> {
        self.times_in(phase).map(Histogram::snapshot)
    }

    /// What [`phase`](Self::phase) shows.
    pub(super) fn times_in(&self, phase: Phase) -> Option<&Histogram> {
        Some(&self.detail.get()?.phases[phase as usize])
    }

    /// The statistics now. Each number is exact; together they may be some nanoseconds apart.
    pub fn snapshot(&self) -> StatsSnapshot {
        // Ended calls are read before started ones, so that no more calls end than start.
        let handled = self.ended();
        let started = self.started.load(Relaxed);
        StatsSnapshot {
            in_flight: in_flight(&handled, started),
            handled,
            latency: self.latency.snapshot(),
            received_messages: self.received_messages.load(Relaxed),
            sent_messages: self.sent_messages.load(Relaxed),
            received_bytes: self.received_bytes.load(Relaxed),
            sent_bytes: self.sent_bytes.load(Relaxed),
            panicked: self.panicked.load(Relaxed),
            started,
        }
    }
}

/// What is not counted apart: each call would pay for it twice. `handled` is read before `started`, so that it is not
/// below zero.
fn in_flight(handled: &[u64], started: u64) -> i64 {
    started.wrapping_sub(handled.iter().sum()) as i64
}
