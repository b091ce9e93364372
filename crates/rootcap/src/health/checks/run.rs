//! Runs one check again and again: the runs on the service's runtime, the clock on the admin thread.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Checked, Checks, HealthCheck,
    error_text::panic_text,
    record::{Change, FAILURES, with_jitter},
};
use crate::{health::Health, lifecycle::Phase, metrics};

/// Runs the check at one place of the list.
pub(super) struct Runner {
    pub(super) checks: Checks,
    pub(super) at: usize,
    /// Where the check runs.
    pub(super) service: Handle,
    pub(super) health: Health,
}

impl Runner {
    /// Until the server drains: what it depends on is then of no more interest, and nothing waits for a check.
    pub(super) async fn run(self, mut phase: watch::Receiver<Phase>) {
        metrics::health_check_failures_total(self.check().name().to_owned()).increment(0);
        tokio::select! {
            () = self.repeat() => {}
            // An error says that the server has gone.
            _ = phase.wait_for(|phase| *phase >= Phase::LameDuck) => {}
        }
        self.checked().record().stopped();
    }

    fn checked(&self) -> &Checked {
        &self.checks.0[self.at]
    }

    fn check(&self) -> &HealthCheck {
        &self.checked().check
    }

    /// For ever, or until the service's runtime has gone.
    async fn repeat(&self) {
        loop {
            let begun = Instant::now();
            let mut next = self.after(begun);
            self.checked().record().began(begun, next);
            let mut run = Run::begin(self.check().clone(), &self.service);
            match timeout_at(begun + self.check().timeout(), &mut run).await {
                Ok(Ended::Runtime) => return,
                Ok(Ended::Check(result)) => self.settle(result),
                Err(_elapsed) => {
                    let timeout = self.check().timeout();
                    self.settle(Err(format!("no answer within {timeout:?}")));
                    next = self.outlast(run, next).await;
                }
            }
            self.checked().record().ended();
            sleep_until(next).await;
        }
    }

    /// Drops a run that is late, and waits until it has really ended: one that blocks its thread cannot be dropped.
    /// Returns when the next one begins.
    async fn outlast(&self, mut run: Run, mut next: Instant) -> Instant {
        run.0.abort();
        // Not at `next`: with a timeout as long as the interval, that may be now.
        let mut look = self.after(Instant::now());
        loop {
            match timeout_at(look, &mut run).await {
                Ok(_too_late) => return next,
                Err(_elapsed) => {
                    let now = Instant::now();
                    let time = self.checked().record().running_for(now).unwrap_or_default();
                    let error =
                        format!("still running after {} s: its thread is blocked", time.as_secs());
                    self.settle(Err(error));
                    look = self.after(now);
                    next = look;
                    self.checked().record().goes_on(next);
                }
            }
        }
    }

    /// When the run after the one of `begun` begins.
    fn after(&self, begun: Instant) -> Instant {
        begun + with_jitter(self.check().interval(), fastrand::f64())
    }

    fn settle(&self, result: Result<(), String>) {
        let (name, now) = (self.check().name().to_owned(), Instant::now());
        let error = result.clone().err();
        let mut record = self.checked().record();
        // Who sees the record finds it in the metrics as well.
        let duration = record.running_for(now).unwrap_or_default();
        metrics::health_check_duration_seconds(name.clone()).set(duration);
        metrics::health_check_up(name.clone()).set(if error.is_none() { 1.0 } else { 0.0 });
        if error.is_some() {
            metrics::health_check_failures_total(name).increment(1);
        }
        let change = record.settle(result, now);
        drop(record);
        self.tell(change, error.as_deref());
    }

    /// Changes the health of what the check affects, and logs what is new.
    fn tell(&self, change: Change, error: Option<&str>) {
        let (check, name) = (self.check(), self.check().name());
        let affected: Vec<_> = check.affected().iter().map(|affects| affects.service()).collect();
        match change {
            Change::None => {}
            Change::Failing => tracing::warn!(check = name, error, "health check is failing"),
            Change::Unhealthy if affected.is_empty() => {}
            Change::Unhealthy => {
                self.health.withhold(name, &affected);
                let affects: Vec<_> = check.affected().iter().map(ToString::to_string).collect();
                let affects = affects.join(", ");
                tracing::warn!(
                    check = name,
                    error,
                    failures = FAILURES,
                    affects,
                    "health check keeps failing: what it affects is not serving"
                );
            }
            Change::Recovered(failing_for) => {
                self.health.restore(name, &affected);
                tracing::info!(check = name, ?failing_for, "health check is ok again");
            }
        }
    }
}

/// One run, which is dropped with this value.
struct Run(JoinHandle<Result<(), String>>);

/// How a run ended.
enum Ended {
    /// The check succeeded, failed or panicked.
    Check(Result<(), String>),
    /// Its runtime has gone, and took the run along.
    Runtime,
}

impl Run {
    /// All of the user's code runs in the task, errors' `Display` included: it may panic or block.
    fn begin(check: HealthCheck, service: &Handle) -> Self {
        Self(service.spawn(check.run()))
    }
}

impl Future for Run {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(result) => Ended::Check(result),
            Err(error) => match error.try_into_panic() {
                Ok(payload) => Ended::Check(Err(panic_text(payload))),
                Err(_cancelled) => Ended::Runtime,
            },
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.abort();
    }
}
