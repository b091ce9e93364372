//! Handlers that block their thread: found while they do, with the stack of what blocks.
//!
//! The admin thread looks at the marks of all threads a few times within the threshold. A poll of a call that it finds
//! again and again, for at least the threshold, is a stall: it is counted, listed, and its thread is asked for its stack,
//! aside. Names are found when somebody looks at the list.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use rootcap_layers::Methods;
use tokio::{task::spawn_blocking, time::Instant};

use super::{
    Names,
    marks::{self, Polling},
    profile::Stack,
    sampling,
};
use crate::metrics;

/// How many stalls are listed: the last ones.
const LISTED: usize = 32;
/// How often, within the threshold, is looked.
const LOOKS: u32 = 4;
/// At most as often, and at least.
const EVERY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// The stalls of one server. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Stalls {
    owner: usize,
    methods: Arc<Methods>,
    threshold: Option<Duration>,
    list: Arc<Mutex<List>>,
}

#[derive(Debug, Default)]
struct List {
    count: u64,
    last: VecDeque<Stall>,
}

/// One stall.
#[derive(Debug, Clone)]
pub(crate) struct Stall {
    /// Counted from the start of the server.
    pub(crate) number: u64,
    /// When it was noticed.
    pub(crate) at: SystemTime,
    /// `/package.Service/Method`
    pub(crate) method: String,
    pub(crate) thread: u32,
    pub(crate) thread_name: String,
    /// How long it was seen to last.
    pub(crate) lasted: Duration,
    pub(crate) goes_on: bool,
    /// Where the thread was then; `None` where it has not said so before the end of the stall.
    pub(crate) stack: Option<Stack>,
}

/// A poll that was seen.
struct Seen {
    polling: Polling,
    since: Instant,
    /// Its number, once it is a stall.
    stall: Option<u64>,
}

impl Stalls {
    /// The stalls of the server that is identified by `owner`; none are looked for without a threshold.
    pub(crate) fn new(owner: usize, methods: Arc<Methods>, threshold: Option<Duration>) -> Self {
        Self { owner, methods, threshold, list: Arc::default() }
    }

    /// From which time on a poll is a stall.
    pub(crate) fn threshold(&self) -> Option<Duration> {
        self.threshold
    }

    /// How many there were, and the last of them, the newest first.
    pub(crate) fn last(&self) -> (u64, Vec<Stall>) {
        let list = self.lock();
        (list.count, list.last.iter().rev().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for stalls, for ever: to be run on the admin thread.
    pub(crate) async fn watch(self) {
        let Some(threshold) = self.threshold else { return };
        let mut ticks = tokio::time::interval((threshold / LOOKS).clamp(EVERY.0, EVERY.1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = HashMap::new();
        let mut without_stack: Vec<(u64, Polling)> = Vec::new();
        let mut asking = None;
        loop {
            ticks.tick().await;
            without_stack.extend(self.look(&mut seen, threshold, Instant::now()));
            // Who asks waits for answers: not here, and one at a time, so that the admin thread keeps others to itself.
            if asking.as_ref().is_none_or(tokio::task::JoinHandle::is_finished)
                && !without_stack.is_empty()
            {
                let (stalls, new) = (self.clone(), std::mem::take(&mut without_stack));
                asking = Some(spawn_blocking(move || stalls.take_stacks(&new)));
            }
        }
    }

    /// Looks once; returns what has become a stall.
    fn look(
        &self,
        seen: &mut HashMap<u32, Seen>,
        threshold: Duration,
        now: Instant,
    ) -> Vec<(u64, Polling)> {
        let own = |polling: &Polling| polling.doing.owner == self.owner;
        let polls: HashMap<u32, Polling> =
            marks::polling().filter(own).map(|polling| (polling.thread, polling)).collect();
        seen.retain(|thread, seen| {
            let same = polls.get(thread) == Some(&seen.polling);
            if let Some(number) = seen.stall {
                self.change(number, |stall| match same {
                    true => stall.lasted = now - seen.since,
                    false => stall.goes_on = false,
                });
            }
            same
        });
        let mut new = Vec::new();
        for (thread, polling) in polls {
            let seen = seen.entry(thread).or_insert(Seen { polling, since: now, stall: None });
            let lasted = now - seen.since;
            if seen.stall.is_none() && lasted >= threshold {
                let number = self.begins(polling, lasted);
                seen.stall = Some(number);
                new.push((number, polling));
            }
        }
        new
    }

    /// Counts a stall, and lists it; returns its number.
    fn begins(&self, polling: Polling, lasted: Duration) -> u64 {
        let names = Names::new(self.owner, &self.methods);
        let (service, method) = names.of(polling.doing).unwrap_or(("unknown", "unknown"));
        metrics::stalls_total(method.to_owned(), service.to_owned()).increment(1);
        let thread_name = sampling::name(polling.thread);
        let mut list = self.lock();
        list.count += 1;
        let number = list.count;
        if list.last.len() == LISTED {
            list.last.pop_front();
        }
        list.last.push_back(Stall {
            number,
            at: SystemTime::now(),
            method: format!("/{service}/{method}"),
            thread: polling.thread,
            thread_name,
            lasted,
            goes_on: true,
            stack: None,
        });
        number
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Stall)) {
        let mut list = self.lock();
        if let Some(stall) = list.last.iter_mut().find(|stall| stall.number == number) {
            change(stall);
        }
    }

    /// Asks threads for their stacks. What a thread says after its stall would be of something else.
    fn take_stacks(&self, stalls: &[(u64, Polling)]) {
        let goes_on = |polling: &Polling| marks::polling().any(|now| now == *polling);
        let threads: Vec<u32> =
            stalls.iter().filter(|(_, it)| goes_on(it)).map(|(_, it)| it.thread).collect();
        let mut stacks = match sampling::stacks(&threads) {
            Ok(stacks) => stacks,
            Err(error) => {
                tracing::debug!(%error, "the stacks of blocked threads cannot be taken");
                return;
            }
        };
        for (number, polling) in stalls {
            if let Some(stack) = stacks.remove(&polling.thread).filter(|_| goes_on(polling)) {
                self.change(*number, |stall| stall.stack = Some(stack));
            }
        }
    }
}
