//! [`Over`]: why a call is not served, in words and for programs.

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Bounds, ConcurrencyRule, POLICY, gate::Gate, queue::Closed};
use crate::admission::{Reason, Refusal, ShedCode, Violation, retry_after};

/// Why a call is refused, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// As many calls as may be are in flight, and none may wait.
    Limit,
    /// As many wait as may.
    Full,
    /// Its deadline.
    Deadline,
    /// The longest that a call may wait.
    Timeout,
}

/// What there is to say of a call that is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over {
    why: Why,
    bounds: Bounds,
    in_flight: usize,
    waiting: usize,
    /// How long it would take until a call that comes now is served, as far as is known.
    wait: Option<Duration>,
    /// How long it has waited, if it has.
    waited: Option<Duration>,
}

impl Why {
    /// Why a call that finds no room is not let into the queue; `late` is what it means to be too late.
    pub(super) fn closed(closed: Closed, bounds: &Bounds, late: Why) -> Self {
        match closed {
            Closed::Full if bounds.queue == 0 => Why::Limit,
            Closed::Full => Why::Full,
            Closed::TooLate(_) => late,
        }
    }

    /// Why a call would be refused, by a rule that lets it through. Those that would wait are in flight: they count as
    /// waiting for as long as the queue would have had a place for them.
    pub(super) fn excess<W>(gate: &Gate<W>, bounds: &Bounds) -> Option<Self> {
        let most = bounds.limit.get().saturating_add(bounds.queue);
        (gate.in_flight() >= most).then(|| Why::closed(Closed::Full, bounds, Why::Full))
    }

    /// The word for programs.
    pub(super) fn reason(self) -> Reason {
        match self {
            Why::Limit => Reason::ConcurrencyLimitExceeded,
            Why::Full => Reason::QueueFull,
            Why::Deadline => Reason::QueueDeadline,
            Why::Timeout => Reason::QueueTimeout,
        }
    }
}

impl Over {
    pub(super) fn new<W>(gate: &Gate<W>, bounds: &Bounds, why: Why, now: Instant) -> Self {
        Self {
            why,
            bounds: *bounds,
            in_flight: gate.in_flight(),
            waiting: gate.queue().len(),
            wait: gate.estimated_wait(bounds, now),
            waited: None,
        }
    }

    /// After it has waited for so long.
    pub(super) fn waited(self, waited: Duration) -> Self {
        Self { waited: Some(waited), ..self }
    }

    /// Without what was read of a gate that is not the call's own any more.
    pub(super) fn of_another(self) -> Self {
        Self { in_flight: self.bounds.limit.get(), waiting: 0, wait: None, ..self }
    }

    /// What it was decided from.
    pub(super) fn inputs(&self) -> [(&'static str, u64); 4] {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        [
            ("limit", self.bounds.limit.get() as u64),
            ("in_flight", self.in_flight as u64),
            ("queue_length", self.waiting as u64),
            ("queue_time_ms", millis(self.waited.unwrap_or_default())),
        ]
    }

    pub(super) fn why(&self) -> Why {
        self.why
    }

    /// What the caller is told.
    pub(super) fn refusal(&self, rule: &ConcurrencyRule, said: &Said, code: ShedCode) -> Refusal {
        let (reason, violation) = said.again(self, || self.said(rule));
        Refusal {
            policy: POLICY,
            rule: rule.name.clone(),
            code: code.code(),
            reason,
            retry_after: retry_after(self.wait),
            violation,
        }
    }

    fn said(&self, rule: &ConcurrencyRule) -> (Arc<str>, Violation) {
        let of = if rule.per.is_keyed() { " of this caller" } else { "" };
        let reason = Words { over: self, of }.to_string().into();
        (reason, Violation::new(self.why.reason(), &rule.name, self.metadata()))
    }

    /// All that is said depends on, where no times are told.
    fn numbers(&self) -> Option<Numbers> {
        let timeless = self.waited.is_none() && matches!(self.why, Why::Limit | Why::Full);
        timeless.then_some((self.why, self.bounds.limit.get(), self.in_flight, self.waiting))
    }

    fn metadata(&self) -> [(&'static str, String); 4] {
        self.inputs().map(|(name, value)| (name, value.to_string()))
    }
}

type Numbers = (Why, usize, usize, usize);

/// What a limit has said last: most of those that it refuses are told the same.
#[derive(Debug, Default)]
pub(super) struct Said(Mutex<Option<(Numbers, Arc<str>, Violation)>>);

impl Said {
    /// What was said for the same numbers, or what `say` says.
    fn again(
        &self,
        over: &Over,
        say: impl FnOnce() -> (Arc<str>, Violation),
    ) -> (Arc<str>, Violation) {
        let Some(numbers) = over.numbers() else { return say() };
        let mut last = self.0.lock();
        match &*last {
            Some((known, reason, violation)) if *known == numbers => {
                (reason.clone(), violation.clone())
            }
            _ => {
                let (reason, violation) = say();
                *last = Some((numbers, reason.clone(), violation.clone()));
                (reason, violation)
            }
        }
    }
}

struct Words<'a> {
    over: &'a Over,
    of: &'static str,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { over: Over { why, bounds, in_flight, waiting, wait, waited }, of } = self;
        if let Some(waited) = waited {
            let until =
                if *why == Why::Deadline { "its deadline" } else { "as long as a call may" };
            return write!(
                f,
                "it has waited for {}, {until}: {in_flight} calls{of} are in flight, and {} may be",
                Millis(*waited),
                bounds.limit
            );
        }
        match why {
            Why::Limit => write!(f, "{in_flight} calls{of} are in flight, which is the limit"),
            Why::Full => write!(
                f,
                "{in_flight} calls{of} are in flight and {waiting} wait, which is the limit"
            ),
            Why::Deadline | Why::Timeout => {
                let most = if *why == Why::Deadline { "its deadline allows" } else { "a call may" };
                let wait = Millis(wait.unwrap_or_default());
                write!(
                    f,
                    "{in_flight} calls{of} are in flight and {waiting} wait: it would wait for about {wait}, longer than {most}"
                )
            }
        }
    }
}

/// A time that nobody needs to the nanosecond.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        write!(f, "{:?}", Duration::from_millis(millis))
    }
}
