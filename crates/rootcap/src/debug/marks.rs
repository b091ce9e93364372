//! What each thread is doing: which call it polls, for those who look from outside.
//!
//! A thread that polls a call notes the call's method in a mark of its own, and counts. Who looks twice and finds the
//! same count and a method has found a poll that has lasted since: the clock is read by those who look, and not by those
//! who work.

use std::{
    cell::Cell,
    sync::atomic::{
        AtomicU32, AtomicU64, AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use super::sampling;

/// The most threads that have a mark. Those beyond are not seen to poll anything.
const MARKS: usize = 1024;

static ALL: [Mark; MARKS] = [const { Mark::new() }; MARKS];
/// Marks from this on were never used.
static USED: AtomicUsize = AtomicUsize::new(0);

/// The mark of one thread. Aligned so that no two threads write to one line of the cache.
#[repr(align(64))]
struct Mark {
    /// Whose it is; 0 is nobody's.
    thread: AtomicU32,
    owner: AtomicUsize,
    method: AtomicUsize,
    /// How often a poll of a call has begun or ended.
    count: AtomicU64,
}

/// What a thread polls: addresses that identify, and are never followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Doing {
    /// The server whose call it is.
    pub(crate) owner: usize,
    /// The call's method; 0 where no call is polled.
    pub(crate) method: usize,
}

/// What is seen of a thread that polls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Polling {
    pub(crate) thread: u32,
    pub(crate) doing: Doing,
    /// Another poll has another.
    pub(crate) count: u64,
}

impl Mark {
    const fn new() -> Self {
        Self {
            thread: AtomicU32::new(0),
            owner: AtomicUsize::new(0),
            method: AtomicUsize::new(0),
            count: AtomicU64::new(0),
        }
    }

    fn doing(&self) -> Doing {
        Doing { owner: self.owner.load(Relaxed), method: self.method.load(Relaxed) }
    }

    /// Only the thread whose mark it is writes, so what it adds to is what it has written.
    fn turn_to(&self, Doing { owner, method }: Doing) {
        self.owner.store(owner, Relaxed);
        self.method.store(method, Relaxed);
        self.count.store(self.count.load(Relaxed) + 1, Release);
    }

    fn polling(&self) -> Option<Polling> {
        let count = self.count.load(Acquire);
        let (thread, doing) = (self.thread.load(Acquire), self.doing());
        let same = self.count.load(Acquire) == count;
        (same && thread != 0 && doing.method != 0).then_some(Polling { thread, doing, count })
    }
}

thread_local! {
    static HELD: Held = const { Held(Cell::new(None)) };
}

/// The mark of this thread, which goes to another thread when this one ends.
struct Held(Cell<Option<&'static Mark>>);

impl Held {
    fn mark(&self) -> Option<&'static Mark> {
        if self.0.get().is_none() {
            self.0.set(take());
        }
        self.0.get()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(mark) = self.0.take() {
            mark.turn_to(Doing::default());
            mark.thread.store(0, Release);
        }
    }
}

#[cold]
fn take() -> Option<&'static Mark> {
    let thread = sampling::thread();
    let free = |mark: &&Mark| mark.thread.compare_exchange(0, thread, AcqRel, Relaxed).is_ok();
    let index = ALL.iter().position(|mark| free(&mark))?;
    USED.fetch_max(index + 1, AcqRel);
    Some(&ALL[index])
}

fn used() -> impl Iterator<Item = &'static Mark> {
    ALL.iter().take(USED.load(Acquire))
}

/// Notes that this thread polls a call, until what is returned is dropped.
#[inline]
pub(crate) fn poll(doing: Doing) -> Polled {
    // A thread that is ending polls calls without a mark.
    let mark = HELD.try_with(Held::mark).ok().flatten();
    let before = mark.map(Mark::doing).unwrap_or_default();
    if let Some(mark) = mark {
        mark.turn_to(doing);
    }
    Polled { mark, before }
}

/// A poll of a call that lasts. It may lie within another one.
#[must_use = "the poll lasts while this lives"]
pub(crate) struct Polled {
    mark: Option<&'static Mark>,
    before: Doing,
}

impl Drop for Polled {
    #[inline]
    fn drop(&mut self) {
        if let Some(mark) = self.mark {
            mark.turn_to(self.before);
        }
    }
}

/// What the thread of that number polls. For signal handlers: it waits for nothing, and touches nothing of the thread's
/// own, which might have to be made.
pub(super) fn of(thread: u32) -> Doing {
    let mark = used().find(|mark| mark.thread.load(Relaxed) == thread);
    mark.map(Mark::doing).unwrap_or_default()
}

/// The threads that poll calls now.
pub(crate) fn polling() -> impl Iterator<Item = Polling> {
    used().filter_map(Mark::polling)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::thread;

    const DOING: Doing = Doing { owner: 1, method: 7 };

    fn here() -> Option<Polling> {
        polling().find(|polling| polling.thread == sampling::thread())
    }

    #[test]
    fn a_poll_is_seen_while_it_lasts_and_is_another_one_than_the_next() {
        assert_eq!(here(), None);
        let polled = poll(DOING);
        let first = here().unwrap();
        assert_eq!((first.doing, of(first.thread)), (DOING, DOING));
        assert_eq!(here(), Some(first));
        drop(polled);
        assert_eq!((here(), of(first.thread)), (None, Doing::default()));
        let _polled = poll(DOING);
        assert_ne!(here().unwrap().count, first.count);
    }

    #[test]
    fn a_poll_within_another_gives_way_to_it() {
        let _outer = poll(DOING);
        let inner = poll(Doing { owner: 1, method: 8 });
        assert_eq!(here().unwrap().doing.method, 8);
        drop(inner);
        assert_eq!(here().unwrap().doing, DOING);
    }

    #[test]
    fn a_thread_that_ends_leaves_its_mark() {
        let number = thread::spawn(|| {
            let _polled = poll(DOING);
            assert!(here().is_some());
            std::mem::forget(_polled);
            sampling::thread()
        });
        let number = number.join().unwrap();
        assert!(polling().all(|polling| polling.thread != number));
        assert!(used().all(|mark| mark.thread.load(Relaxed) != number));
    }
}
