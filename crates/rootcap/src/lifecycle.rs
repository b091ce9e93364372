//! The life of a server: starting, serving, draining; who may ask for the drain, and who follows it.
//!
//! The drain's timers run on the admin thread, because no timer of the service's runtime fires while its
//! workers are blocked.

mod waiting;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    time::Instant,
};

pub(crate) use self::waiting::{OfMethod, Waiting};
use crate::{health::Health, server::connections::Connections};

/// Where a server stands. Phases only ever advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Starting,
    Serving,
    /// Not ready any more, but still serving: endpoints propagate slowly.
    LameDuck,
    /// Listeners are closed; all else goes on.
    Closing,
    /// No new connections; open calls finish.
    Draining,
    /// What is left is dropped.
    Cut,
}

/// How long each part of a drain may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainTimes {
    /// From the request to stop to the cut, the lame-duck delay included.
    pub(crate) deadline: Duration,
    pub(crate) lame_duck: Duration,
}

/// How long it is waited for the listeners to be closed, where a blocked worker holds on to one.
const CLOSING: Duration = Duration::from_millis(500);

/// Held by whatever has a listener.
pub(crate) type Listening = watch::Receiver<()>;

/// The life of one server, shared by all its parts.
#[derive(Debug, Clone)]
pub(crate) struct Life(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    phase: watch::Sender<Phase>,
    listening: watch::Sender<()>,
    stop: Notify,
    asked: Notify,
    health: Health,
    begun: OnceLock<Begun>,
    cut: OnceLock<Cut>,
}

/// The beginning of a drain.
#[derive(Debug, Clone, Copy)]
struct Begun {
    at: Instant,
    /// How many calls had ended by then.
    ended_calls: u64,
}

/// What a drain's deadline found.
#[derive(Debug)]
struct Cut {
    calls: usize,
    /// Which they were.
    which: String,
}

impl Life {
    pub(crate) fn new(health: Health) -> Self {
        Self(Arc::new(Shared {
            phase: watch::Sender::new(Phase::Starting),
            listening: watch::Sender::new(()),
            stop: Notify::new(),
            asked: Notify::new(),
            health,
            begun: OnceLock::new(),
            cut: OnceLock::new(),
        }))
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Phase> {
        self.0.phase.subscribe()
    }

    pub(crate) fn listening(&self) -> Listening {
        self.0.listening.subscribe()
    }

    /// Goes to `phase`, unless it has been passed.
    pub(crate) fn advance(&self, phase: Phase) {
        self.0.phase.send_if_modified(|current| {
            let advances = phase > *current;
            *current = phase.max(*current);
            advances
        });
    }

    /// Asks for a drain. Asking again changes nothing.
    pub(crate) fn stop(&self) {
        self.0.stop.notify_one();
    }

    /// Asks for a drain on behalf of an operator, which is as good as a signal where there are any; returns whether none
    /// has begun.
    pub(crate) fn ask(&self, connections: &Connections) -> bool {
        let first = self.0.begun.get().is_none();
        self.begin(connections);
        self.0.asked.notify_one();
        self.stop();
        first
    }

    /// The beginning of the drain, which is now unless there was one.
    fn begin(&self, connections: &Connections) -> Instant {
        let now = || Begun { at: Instant::now(), ended_calls: connections.ended_calls() };
        let begun = self.0.begun.get_or_init(now).at;
        self.0.health.shutdown();
        self.advance(Phase::LameDuck);
        begun
    }

    /// Waits for [`ask`](Self::ask).
    pub(crate) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// Asks for a drain when the program's own future is ready: to be run on the admin thread, once.
    pub(crate) async fn stop_on(self, shutdown: impl Future<Output = ()> + Send + 'static) {
        // A task of its own: a server whose future has panicked could not be stopped any more.
        let _ = tokio::spawn(shutdown).await;
        self.stop();
    }

    /// Waits for [`stop`](Self::stop), then drains: to be run on the admin thread, once.
    pub(crate) async fn drain_when_stopped(self, times: DrainTimes, connections: Connections) {
        self.0.stop.notified().await;
        self.drain(times, &connections).await;
    }

    /// Goes through the phases of a drain; returns after the cut.
    pub(crate) async fn drain(&self, times: DrainTimes, connections: &Connections) {
        let begun = self.begin(connections);
        let deadline = begun + times.deadline;
        tokio::time::sleep_until(begun + times.lame_duck.min(times.deadline)).await;
        self.advance(Phase::Closing);
        // Who is asked to go connects again at once, and must not come back to a listener that is about to be closed.
        let closing = (Instant::now() + CLOSING).min(deadline);
        let _ = tokio::time::timeout_at(closing, self.0.listening.closed()).await;
        self.0.health.end_watches();
        self.advance(Phase::Draining);
        tokio::time::sleep_until(deadline).await;
        // A second drain may be a moment behind: nothing is left for it to count.
        self.0.cut.get_or_init(|| Cut {
            calls: connections.unfinished_calls(),
            which: Waiting::on(connections).to_string(),
        });
        self.advance(Phase::Cut);
    }

    /// The phase now.
    pub(crate) fn phase(&self) -> Phase {
        *self.0.phase.borrow()
    }

    /// How long ago the drain began; `None` before.
    pub(crate) fn draining_for(&self) -> Option<Duration> {
        self.0.begun.get().map(|begun| begun.at.elapsed())
    }

    /// How long ago the drain began; zero before.
    pub(crate) fn drain_time(&self) -> Duration {
        self.draining_for().unwrap_or_default()
    }

    /// How many calls have finished since the drain began, but for those that were cut.
    pub(crate) fn finished_calls(&self, connections: &Connections) -> u64 {
        let Some(begun) = self.0.begun.get() else { return 0 };
        let ended = connections.ended_calls().saturating_sub(begun.ended_calls);
        ended.saturating_sub(self.cut_calls() as u64)
    }

    /// How many calls were open at the cut.
    pub(crate) fn cut_calls(&self) -> usize {
        self.0.cut.get().map_or(0, |cut| cut.calls)
    }

    /// Writes the last word on the drain.
    pub(crate) fn tell_end(&self, connections: &Connections) {
        let (took, finished) = (self.drain_time(), self.finished_calls(connections));
        match self.0.cut.get().filter(|cut| cut.calls > 0) {
            None => tracing::info!(?took, finished, "drained"),
            Some(Cut { calls, which }) => tracing::warn!(
                ?took,
                finished,
                cut = calls,
                which,
                "drained, but calls were cut at the deadline"
            ),
        }
    }
}

/// Shows that the service's runtime still runs tasks.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    born: std::time::Instant,
    last_beat_millis: Arc<AtomicU64>,
}

impl Heartbeat {
    /// Beats on the current runtime, for as long as `life` has not been cut.
    pub(crate) fn start(life: &Life) -> Self {
        let heartbeat = Self { born: std::time::Instant::now(), last_beat_millis: Arc::default() };
        let (beating, mut phase) = (heartbeat.clone(), life.watch());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => beating.beat(),
                    _ = phase.wait_for(|phase| *phase == Phase::Cut) => return,
                }
            }
        });
        heartbeat
    }

    fn beat(&self) {
        self.last_beat_millis.store(self.born.elapsed().as_millis() as u64, Relaxed);
    }

    /// How long ago the runtime last ran the heartbeat's task.
    pub(crate) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.last_beat_millis.load(Relaxed));
        self.born.elapsed().saturating_sub(last)
    }
}

/// How long other calls may wait when a handler blocks the worker that waited for IO.
const WAKE_EVERY: Duration = Duration::from_millis(100);

/// Wakes a worker of the service's runtime now and then, while calls are open. Runs on the control thread, for ever.
///
/// One of tokio's workers waits for IO and timers on behalf of all. When it takes up a task that blocks its thread,
/// the others may stay asleep: nobody waits for IO any more, although there are workers to spare. A task that comes
/// from outside wakes one of them, which then takes over.
pub(crate) async fn keep_awake(service: Handle, connections: Connections) {
    let mut ticks = tokio::time::interval(WAKE_EVERY);
    loop {
        ticks.tick().await;
        if connections.open_calls() > 0 {
            service.spawn(async {});
        }
    }
}

#[cfg(test)]
mod tests;
