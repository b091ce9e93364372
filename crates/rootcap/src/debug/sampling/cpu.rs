//! The CPU profile: timers that run on each thread's CPU time, and the stacks that they find.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    handler::CPU,
    modules::Module,
    pool::{Recording, Sample},
    system,
    timers::Timers,
    unwind::Unwinder,
    written,
};
use crate::debug::{
    Refused, Request, Running, Stop,
    marks::Doing,
    profile::{self, Profile, Quantity, Stack},
};

/// How often samples are read.
const TICK: Duration = Duration::from_millis(10);
/// After how many of these it is looked for new threads.
const LOOK: u32 = 10;
/// The most different stacks of one profile.
const STACKS: usize = 100_000;

const SAMPLES: Quantity = Quantity { name: "samples", unit: "count" };
const TIME: Quantity = Quantity { name: "cpu", unit: "nanoseconds" };

/// The profile that is being taken.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// Held by who takes a profile.
struct Turn;

impl Turn {
    fn take(request: &Request) -> Result<Self, Refused> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            return Err(Refused::Busy(running.clone()));
        }
        *running = Some(Running::from(request));
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Profiles this process for as long as is asked, on this thread; less if it is to stop.
///
/// # Errors
/// While another profile is being taken, or when the system refuses.
pub(crate) fn profile_cpu(
    request: &Request,
    stop: &Stop,
    method: impl Fn(Doing) -> Option<String>,
) -> Result<Profile, Refused> {
    Ok(record(request, stop)?.profile(method))
}

/// What a profile is made from, before names are looked for.
pub(super) struct Recorded {
    found: Found,
    timers: Timers,
    modules: Vec<Module>,
    started: SystemTime,
    lasted: Duration,
}

/// The same without the names.
pub(super) fn record(request: &Request, stop: &Stop) -> Result<Recorded, Refused> {
    let _turn = Turn::take(request)?;
    system::install_handler()?;
    let mut unwinder = Unwinder::of_process()?;
    let mut recording = CPU.open()?;
    let mut timers = Timers::new(request.hz, recording.number());
    let mut found = Found::default();
    let (started, began) = (SystemTime::now(), Instant::now());
    let mut ticks = 0;
    while began.elapsed() < request.lasts && !stop.is_asked() {
        if ticks % LOOK == 0 {
            timers.arm()?;
        }
        ticks += 1;
        thread::sleep(TICK.min(request.lasts.saturating_sub(began.elapsed())));
        found.read(&mut recording, &mut unwinder);
    }
    let lasted = began.elapsed();
    timers.end();
    found.read(&mut recording, &mut unwinder);
    found.lost += recording.lost();
    drop(recording);
    let modules = unwinder.modules().to_vec();
    unwinder.keep();
    Ok(Recorded { found, timers, modules, started, lasted })
}

/// What was found so far.
#[derive(Default)]
struct Found {
    stacks: HashMap<Key, u64>,
    samples: u64,
    cut_short: u64,
    /// Periods of which nothing is known but that they were.
    lost: u64,
    /// Signals that stood for more than one period.
    late: u64,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    stack: Vec<u64>,
    thread: u32,
    owner: usize,
    method: usize,
}

impl Found {
    fn read(&mut self, recording: &mut Recording, unwinder: &mut Unwinder) {
        recording.drain(|sample| self.add(sample, unwinder.unwind(sample)));
    }

    fn add(&mut self, sample: &Sample<'_>, stack: Stack) {
        let Doing { owner, method } = sample.doing;
        let weight = u64::from(sample.weight);
        self.samples += 1;
        self.cut_short += u64::from(!stack.whole);
        self.late += u64::from(weight > 1);
        let full = self.stacks.len() >= STACKS;
        let key = Key { stack: stack.addresses, thread: sample.thread, owner, method };
        match self.stacks.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() += weight,
            Entry::Vacant(free) if !full => drop(free.insert(weight)),
            Entry::Vacant(_) => self.lost += weight,
        }
    }

    fn comments(&self, timers: &Timers) -> Vec<String> {
        let Self { samples, cut_short, lost, late, .. } = self;
        let without = timers.without.len();
        let mut comments = vec![format!(
            "Sampled each {:?} of a thread's CPU time, by a timer of each thread; {samples} samples.",
            timers.period
        )];
        let mut say = |number: u64, text: &str| {
            comments.extend((number > 0).then(|| format!("{number} {text}")));
        };
        say(
            *cut_short,
            "stacks lack their outermost functions: they were too deep, or code has no unwind tables.",
        );
        say(*late, "samples stand for several periods: the system's clock ticks more slowly.");
        say(*lost, "periods are missing: samples came faster than they were read.");
        say(
            without as u64,
            "threads were not sampled: there were no more timers (RLIMIT_SIGPENDING).",
        );
        comments
    }
}

impl Recorded {
    /// How many samples there are.
    #[cfg(test)]
    pub(super) fn samples(&self) -> u64 {
        self.found.samples
    }

    pub(super) fn profile(self, method: impl Fn(Doing) -> Option<String>) -> Profile {
        let Self { found, timers, modules, started, lasted } = self;
        let comments = found.comments(&timers);
        let period = timers.period.as_nanos() as u64;
        let sample = |(Key { stack, thread, owner, method: of }, count)| {
            let thread = timers.names.get(&thread).cloned().unwrap_or_default();
            let mut labels = vec![("thread", thread)];
            labels.extend(method(Doing { owner, method: of }).map(|name| ("grpc_method", name)));
            profile::Sample { stack, values: vec![count, count * period], labels }
        };
        let samples: Vec<_> = found.stacks.into_iter().map(sample).collect();
        let (modules, places) = written(&modules, samples.iter().map(|it| &*it.stack));
        let quantities = &[SAMPLES, TIME];
        let period = (TIME, period);
        Profile { quantities, period, samples, places, modules, started, lasted, comments }
    }
}
