//! [`Queue`]: what waits to be exported, bounded, in batches.
//!
//! The path of a call only moves its span into the queue, under a lock that is held for nothing else. It wakes the
//! exporter once for a whole batch and never for a single span: waking a thread costs more than the span does.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Notify, time};

/// The most room that a batch is given before it is needed.
const ROOM: usize = 512;

/// The most bytes that wait: what handlers put into spans and events can be large.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// A batch of so many bytes is whole: collectors refuse messages beyond 4 MiB, gRPC's usual limit.
const WHOLE_BYTES: usize = 1024 * 1024;

/// What takes up memory, and room in a message.
pub(crate) trait Weigh {
    /// About how many bytes.
    fn weight(&self) -> usize;
}

/// What waits to be exported; full, it drops what comes and counts it.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Told when there is a whole batch, and when the queue is closed.
    exporter: Notify,
    limit: usize,
    batch: usize,
    pushed: AtomicU64,
    dropped: AtomicU64,
    on_drop: ::metrics::Counter,
}

/// What became of an item that was taken.
enum Pushed {
    Gathered,
    /// Its batch is whole now.
    MadeWhole,
}

/// Why an item was not taken.
enum Refused {
    Full,
    Closed,
}

struct State<T> {
    /// Whole batches, the oldest first.
    whole: VecDeque<Batch<T>>,
    /// The batch that is being filled.
    current: Batch<T>,
    /// What all of them have.
    waiting: usize,
    bytes: usize,
    closed: bool,
}

struct Batch<T> {
    items: Vec<T>,
    bytes: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { items: Vec::new(), bytes: 0 }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<Vec<T>> {
        let batch = match self.whole.pop_front() {
            Some(whole) => whole,
            None if self.current.items.is_empty() => return None,
            None => mem::take(&mut self.current),
        };
        self.waiting -= batch.items.len();
        self.bytes -= batch.bytes;
        Some(batch.items)
    }
}

impl<T: Weigh> Queue<T> {
    /// A queue of at most `limit` items, which are exported `batch` at a time; `on_drop` counts those it refuses.
    pub(super) fn new(limit: usize, batch: usize, on_drop: ::metrics::Counter) -> Self {
        let state = State {
            whole: VecDeque::new(),
            current: Batch::default(),
            waiting: 0,
            bytes: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            exporter: Notify::new(),
            limit,
            batch,
            pushed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            on_drop,
        }
    }

    /// Adds an item. Where the queue is full it drops the item and counts it; where it is closed, it drops it. Never
    /// waits for the exporter.
    pub(crate) fn push(&self, item: T) {
        match self.try_push(item) {
            Ok(Pushed::Gathered) => {}
            Ok(Pushed::MadeWhole) => self.exporter.notify_one(),
            // The item is dropped here and not under the lock: it may be large.
            Err((_, Refused::Closed)) => {}
            Err((_, Refused::Full)) => {
                self.dropped.fetch_add(1, Relaxed);
                self.on_drop.increment(1);
            }
        }
    }

    fn try_push(&self, item: T) -> Result<Pushed, (T, Refused)> {
        let bytes = item.weight();
        let mut state = self.lock();
        if state.closed {
            return Err((item, Refused::Closed));
        }
        if state.waiting >= self.limit || state.bytes + bytes > MOST_BYTES {
            return Err((item, Refused::Full));
        }
        state.waiting += 1;
        state.bytes += bytes;
        let current = &mut state.current;
        if current.items.capacity() == 0 {
            current.items.reserve(self.batch.min(ROOM));
        }
        current.items.push(item);
        current.bytes += bytes;
        self.pushed.fetch_add(1, Relaxed);
        if current.items.len() < self.batch && current.bytes < WHOLE_BYTES {
            return Ok(Pushed::Gathered);
        }
        let batch = mem::take(current);
        state.whole.push_back(batch);
        Ok(Pushed::MadeWhole)
    }

    /// The next batch: a whole one at once, else what there is after `interval`. `None` when the queue is closed and
    /// empty. For one exporter.
    pub(super) async fn next(&self, interval: Duration) -> Option<Vec<T>> {
        loop {
            // Elapsed or told: either way it is time to look.
            let told = time::timeout(interval, self.whole_or_closed()).await;
            let mut state = self.lock();
            match state.take() {
                Some(batch) => return Some(batch),
                None if told.is_ok() && state.closed => return None,
                None => {}
            }
        }
    }

    async fn whole_or_closed(&self) {
        loop {
            {
                let state = self.lock();
                if state.closed || !state.whole.is_empty() {
                    return;
                }
            }
            self.exporter.notified().await;
        }
    }

    /// Refuses what comes from now on. What is there is still exported.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.exporter.notify_one();
    }

    /// Waits until the queue is closed. For its exporter.
    pub(super) async fn closed(&self) {
        while !self.is_closed() {
            self.exporter.notified().await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

impl<T> Queue<T> {
    /// How many items were accepted.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed.load(Relaxed)
    }

    /// How many items were refused.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
