//! How long the calls of each method have taken lately: looks at the statistics, taken on the admin thread, and what
//! `/debug/latency` shows of them.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rootcap_layers::{
    Method, Methods, Phase,
    metrics::{History, LOOK_EVERY, Window},
};

use crate::admin::{LatencyQuery, LatencyRow, LatencyRows, PhaseRow, WindowRow};

/// The statistics of the methods, and what they were. Cloning gives the same one.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    started: Instant,
    methods: Arc<Methods>,
    /// Held for a look at all methods, or for a page: no call needs it.
    history: Arc<Mutex<History>>,
}

impl Latency {
    pub(crate) fn new(methods: Arc<Methods>) -> Self {
        Self { started: Instant::now(), methods, history: Arc::default() }
    }

    /// Looks at the statistics now and then, for ever.
    pub(crate) async fn keep(self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        // A look that comes late is not made up for: each ends a part of the time.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first one comes at once.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.lock().look(self.started.elapsed(), &self.methods.all());
        }
    }

    /// The methods that have been called, as they are asked for.
    pub(crate) fn rows(&self, query: &LatencyQuery) -> LatencyRows {
        let (history, now) = (self.lock(), self.started.elapsed());
        let part = query.method.as_deref().unwrap_or_default();
        let asked_for = |method: &Arc<Method>| method.path().contains(part);
        let methods = self.methods.all().into_iter().filter(asked_for);
        let mut methods: Vec<_> =
            methods.filter_map(|method| Some((calls(&history, &method)?, method))).collect();
        methods.sort_by_key(|(calls, _)| Reverse(*calls));
        let matching = methods.len();
        let shown = methods.iter().take(query.limit);
        let methods = shown.map(|(_, method)| row(&history, method, now)).collect();
        LatencyRows { matching, methods }
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many there were in the last minute, and ever.
fn calls(history: &History, method: &Arc<Method>) -> Option<[u64; 2]> {
    let calls = |window| Some(history.tally(method, window)?.calls());
    Some([calls(Window::Minute)?, calls(Window::Start)?])
}

fn row(history: &History, method: &Arc<Method>, now: Duration) -> LatencyRow {
    let window = |window: Window| {
        let tally = history.tally(method, window)?;
        Some(WindowRow::new(window.as_str(), history.length(window, now), &tally))
    };
    LatencyRow {
        method: method.path().to_owned(),
        in_flight: method.stats().in_flight(),
        windows: Window::ALL.into_iter().filter_map(window).collect(),
        phases: Phase::ALL.into_iter().filter_map(|phase| phase_row(method, phase)).collect(),
    }
}

/// `None` for a phase that no call was in.
fn phase_row(method: &Method, phase: Phase) -> Option<PhaseRow> {
    let times = method.stats().phase(phase).filter(|times| times.count() > 0)?;
    Some(PhaseRow {
        phase: phase.as_str(),
        calls: times.count(),
        mean_seconds: times.mean(),
        most_within_seconds: times.within(0.99).filter(|bound| bound.is_finite()),
    })
}
