//! [`Exporter`]: takes batches from a queue and delivers them, one after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use rootcap_layers::excerpt::Excerpt;
use tokio::time;
use tonic::{Code, Status};

use super::{collector::Transport, queue::Queue, report::Report, retry, signal::Signal};

/// Exports one signal.
pub(super) struct Exporter<S: Signal, T> {
    pub(super) signal: S,
    pub(super) queue: Arc<Queue<S::Item>>,
    pub(super) transport: T,
    pub(super) times: Times,
    /// Where the collector is, as it can be shown.
    pub(super) endpoint: Arc<str>,
    pub(super) counters: Counters,
    pub(super) failures: Report,
    pub(super) drops: Report,
}

/// How long an export may take, and how long a batch may be gathered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) timeout: Duration,
    pub(super) interval: Duration,
}

/// What became of the items that were taken from the queue.
#[derive(Clone)]
pub(super) struct Counters {
    pub(super) exported: ::metrics::Counter,
    pub(super) failed: ::metrics::Counter,
    /// Both together, for this exporter alone.
    pub(super) settled: Arc<AtomicU64>,
}

impl<S: Signal, T: Transport> Exporter<S, T> {
    /// Exports until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let mut dropped = 0;
        while let Some(batch) = self.queue.next(self.times.interval).await {
            let items = batch.len() as u64;
            let message = self.signal.encode(batch);
            self.deliver(items, message).await;
            self.report_drops(&mut dropped);
        }
        self.report_untold();
    }

    /// Offers a batch to the collector until it is taken, refused for good, or given up.
    async fn deliver(&mut self, items: u64, message: Bytes) {
        for failed in 1.. {
            let status = match self.attempt(message.clone()).await {
                Ok(answer) => return self.delivered(items, answer),
                Err(status) => status,
            };
            let pause = retry::pause(failed, &status, fastrand::f64());
            // Nobody waits for long at the end.
            let pause = pause.filter(|_| !self.queue.is_closed());
            self.failed(if pause.is_some() { 0 } else { items }, &status);
            let Some(pause) = pause else { return };
            tokio::select! {
                () = time::sleep(pause) => {}
                () = self.queue.closed() => {}
            }
        }
    }

    async fn attempt(&self, message: Bytes) -> Result<Bytes, Status> {
        let sent = self.transport.send(S::PATH, message);
        match time::timeout(self.times.timeout, sent).await {
            Ok(result) => result,
            Err(_) => {
                // The connection may be dead without either end knowing.
                self.transport.reconnect();
                Err(Status::deadline_exceeded(format!("no answer within {:?}", self.times.timeout)))
            }
        }
    }

    /// The collector has taken a batch, or a part of it.
    fn delivered(&mut self, items: u64, answer: Bytes) {
        // An answer that nobody understands is an answer all the same.
        let (refused, why) = S::refused(answer).unwrap_or_default();
        let refused = refused.min(items);
        self.counters.exported.increment(items - refused);
        self.counters.settled.fetch_add(items - refused, Relaxed);
        if refused > 0 {
            return self
                .failed(refused, &Status::invalid_argument(format!("refused a part: {why}")));
        }
        if let Some(loss) = self.failures.succeeded(Instant::now()) {
            tracing::info!(
                signal = S::NAME, collector = &*self.endpoint, lost = loss.lost, after = ?loss.since,
                "the collector takes exports again"
            );
        }
    }

    /// An attempt has failed, and with it so many items for good.
    fn failed(&mut self, items: u64, status: &Status) {
        self.counters.failed.increment(items);
        self.counters.settled.fetch_add(items, Relaxed);
        if let Some(loss) = self.failures.failed(Instant::now(), items) {
            tracing::warn!(
                signal = S::NAME, collector = &*self.endpoint, error = describe(status), lost = loss.lost,
                since = ?loss.since, "cannot export to the collector"
            );
        }
    }

    /// The last word, when nothing follows that would tell.
    fn report_untold(&self) {
        let (failed, dropped) = (self.failures.ended(), self.drops.ended());
        if failed + dropped > 0 {
            let collector = &*self.endpoint;
            tracing::warn!(
                signal = S::NAME,
                collector,
                failed,
                dropped,
                "lost at the end of the export"
            );
        }
    }

    fn report_drops(&mut self, known: &mut u64) {
        let dropped = self.queue.dropped();
        let new = dropped - *known;
        *known = dropped;
        let now = Instant::now();
        if new == 0 {
            self.drops.succeeded(now);
        } else if let Some(loss) = self.drops.failed(now, new) {
            tracing::warn!(
                signal = S::NAME, lost = loss.lost, since = ?loss.since,
                "dropped what was to be exported: the queue is full (otlp.queue)"
            );
        }
    }
}

/// A status in a line: its code, and what is known of the reason. A collector that refuses credentials may quote them.
fn describe(status: &Status) -> String {
    let code = rootcap_layers::code_name(status.code());
    let mut text = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => code.to_owned(),
        _ => format!("{code}: {}", Excerpt(status.message())),
    };
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
