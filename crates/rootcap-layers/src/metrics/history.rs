//! [`History`]: what the methods' statistics were some time ago, so that the last minute and the last hour can be told.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::tally::{Sparse, Tally};
use crate::method::Method;

/// A time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last minute, and up to five seconds more.
    Minute,
    /// The last hour, and up to five minutes more.
    Hour,
    /// All since the start.
    Start,
}

impl Window {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Start];

    /// Its name in pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Start => "start",
        }
    }
}

/// How often the statistics are to be [looked at](History::look).
pub const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many parts a window has.
const PARTS: usize = 12;
/// How many looks there are to a part of the hour.
const LOOKS: u64 = 60;

/// The statistics of all methods, some time ago. Time is told to it, from the start of the process.
///
/// It holds nothing of a method without calls. One that is called all the time has its counts as they were at two looks,
/// and for each part of a minute and of an hour what is not zero of the difference: 5 to 20 KiB.
#[derive(Debug, Default)]
pub struct History {
    looks: u64,
    minute: Times,
    hour: Times,
    /// By the address of the method, which is held.
    methods: HashMap<usize, Kept>,
}

/// When the parts of a window began, the oldest first: it begins with the first of them.
type Times = VecDeque<Duration>;

/// What is kept of one method.
#[derive(Debug)]
struct Kept {
    /// Held, so that no other has its address.
    _method: Arc<Method>,
    minute: Parts,
    hour: Parts,
}

/// The parts of a window: what was counted between two looks, where that was anything.
#[derive(Debug, Default)]
struct Parts {
    last: Tally,
    parts: VecDeque<(Duration, Sparse)>,
}

impl History {
    /// Looks at the statistics, so long after the start: to be called every [`LOOK_EVERY`].
    pub fn look(&mut self, now: Duration, methods: &[Arc<Method>]) {
        self.looks += 1;
        let of_the_hour = self.looks.is_multiple_of(LOOKS);
        push(&mut self.minute, now);
        if of_the_hour {
            push(&mut self.hour, now);
        }
        for method in methods {
            let Some(tally) = method.stats().tally() else { continue };
            let kept = self.methods.entry(address(method)).or_insert_with(|| Kept::new(method));
            kept.minute.look(&tally, now, since(&self.minute));
            if of_the_hour {
                kept.hour.look(&tally, now, since(&self.hour));
            }
        }
    }

    /// How long `window` is now: it grows until the process is older.
    pub fn length(&self, window: Window, now: Duration) -> Duration {
        now.saturating_sub(match window {
            Window::Minute => since(&self.minute),
            Window::Hour => since(&self.hour),
            Window::Start => Duration::ZERO,
        })
    }

    /// The calls of `method` that have ended in `window`; `None` if none has ended ever.
    pub fn tally(&self, method: &Arc<Method>, window: Window) -> Option<Tally> {
        let tally = method.stats().tally()?;
        let kept = self.methods.get(&address(method));
        Some(match (kept, window) {
            (None, _) | (_, Window::Start) => tally,
            (Some(kept), Window::Minute) => kept.minute.tally(&tally),
            (Some(kept), Window::Hour) => kept.hour.tally(&tally),
        })
    }
}

impl Kept {
    fn new(method: &Arc<Method>) -> Self {
        Self { _method: Arc::clone(method), minute: Parts::default(), hour: Parts::default() }
    }
}

impl Parts {
    /// Another part ends now; those that ended before `since` are of no more use.
    fn look(&mut self, tally: &Tally, now: Duration, since: Duration) {
        let part = tally.since(&self.last).sparse();
        if !part.is_empty() {
            self.parts.push_back((now, part));
            self.last = tally.clone();
        }
        while self.parts.front().is_some_and(|(ended, _)| *ended <= since) {
            self.parts.pop_front();
        }
    }

    /// All parts, and what was counted after the last.
    fn tally(&self, now: &Tally) -> Tally {
        let mut tally = now.since(&self.last);
        self.parts.iter().for_each(|(_, part)| tally.add(part));
        tally
    }
}

fn address(method: &Arc<Method>) -> usize {
    Arc::as_ptr(method) as usize
}

fn push(times: &mut Times, now: Duration) {
    times.push_back(now);
    if times.len() > PARTS + 1 {
        times.pop_front();
    }
}

/// When the window of these parts began; with the process, while that is young.
fn since(times: &Times) -> Duration {
    let full = times.len() > PARTS;
    times.front().filter(|_| full).copied().unwrap_or_default()
}
