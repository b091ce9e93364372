//! Checks of what the server depends on: run in the background, shown on `/debug/health` and as metrics.
//!
//! The checks run on the service's runtime, each in a task of its own. They are started, timed and counted on the
//! admin thread: a check that blocks its thread, or a runtime whose workers are all blocked, is seen as a failing
//! check, and stops no clock.

mod check;
mod error_text;
mod record;
mod run;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, time::Instant};

pub use self::check::{Affects, HealthCheck};
pub(crate) use self::record::CheckState;
use self::{
    record::{Record, Shown},
    run::Runner,
};
use super::Health;
use crate::{Error, lifecycle::Life};

/// All checks of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks(Arc<[Checked]>);

/// A check, and what is known of it.
#[derive(Debug)]
struct Checked {
    check: HealthCheck,
    record: Mutex<Record>,
}

impl Checked {
    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing in here panics halfway through a change.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check as it is shown.
#[derive(Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) name: &'a str,
    pub(crate) affects: &'a [Affects],
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) shown: Shown,
}

impl Checks {
    /// # Errors
    /// When a check cannot be run as it is described, two have one name, or one affects a service that is not among
    /// those served; all problems are named.
    pub(crate) fn new(
        checks: Vec<HealthCheck>,
        served: &BTreeSet<&'static str>,
    ) -> Result<Self, Error> {
        let mut names = BTreeSet::new();
        let mut problems = Vec::new();
        for check in &checks {
            problems.extend(check.problems(served));
            if !names.insert(check.name()) {
                let name = check.name();
                problems.push(format!("health check {name:?}: expected a name that no other has"));
            }
        }
        if !problems.is_empty() {
            return Err(Error::config(problems.join("\n")));
        }
        let now = Instant::now();
        let checked = |check| Checked { check, record: Mutex::new(Record::new(now)) };
        Ok(Self(checks.into_iter().map(checked).collect()))
    }

    /// Runs every check on the current runtime until the server drains, with `control` as the clock.
    pub(crate) fn start(&self, control: &Handle, life: &Life, health: &Health) {
        if self.0.is_empty() {
            return;
        }
        for at in 0..self.0.len() {
            let service = Handle::current();
            let runner = Runner { checks: self.clone(), at, service, health: health.clone() };
            control.spawn(runner.run(life.watch()));
        }
    }

    /// Every check with what is known of it; waits for none.
    pub(crate) fn list(&self) -> impl Iterator<Item = Listed<'_>> {
        let now = Instant::now();
        self.0.iter().map(move |checked| Listed {
            name: checked.check.name(),
            affects: checked.check.affected(),
            interval: checked.check.interval(),
            timeout: checked.check.timeout(),
            shown: checked.record().shown(now),
        })
    }
}
