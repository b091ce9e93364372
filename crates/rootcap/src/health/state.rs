//! What is known of every service, and what callers are told of it: the rules, without a task or a socket.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::{
    ServingStatus,
    latches::{Held, Latches},
};

/// The whole server's name.
pub(super) const SERVER: &str = "";

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Stopping,
}

/// The statuses that were set, under what can hide them: the phase, a latch, a check that fails.
///
/// What hides a status does not change it: a check that recovers brings back what the program has set, and nothing
/// that the program sets is seen before the check recovers.
///
/// Every method that changes something returns whether callers may see a difference.
#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    /// What each service is shown as while the server is ready.
    statuses: BTreeMap<String, ServingStatus>,
    /// What readiness waits for.
    latches: Latches,
    /// The services that failing checks affect, each with these checks.
    withheld: BTreeMap<&'static str, BTreeSet<String>>,
    watches_ended: bool,
}

/// A service that is known, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The service's full name; empty for the whole server.
    pub(crate) service: String,
    /// What callers are told of it.
    pub(crate) status: ServingStatus,
    /// The failing checks that withhold it.
    pub(crate) withheld_by: Vec<String>,
}

impl State {
    /// A server that starts and knows nothing but itself.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Starting,
            statuses: BTreeMap::from([(SERVER.to_owned(), ServingStatus::Serving)]),
            latches: Latches::default(),
            withheld: BTreeMap::new(),
            watches_ended: false,
        }
    }

    pub(super) fn set(&mut self, service: &str, status: ServingStatus) -> bool {
        let before = self.shown(service);
        match self.statuses.get_mut(service) {
            Some(entry) => *entry = status,
            None => {
                self.statuses.insert(service.to_owned(), status);
            }
        }
        self.shown(service) != before
    }

    /// Makes a service known without changing what was set for it.
    pub(super) fn register(&mut self, service: &str) -> bool {
        !self.statuses.contains_key(service) && self.set(service, ServingStatus::Serving)
    }

    pub(super) fn clear(&mut self, service: &str) -> bool {
        if service == SERVER {
            return self.set(SERVER, ServingStatus::Serving);
        }
        self.statuses.remove(service).is_some()
    }

    pub(super) fn ready(&mut self) -> bool {
        self.changes_all(|state| {
            if state.phase == Phase::Starting {
                state.phase = Phase::Ready;
            }
        })
    }

    pub(super) fn shutdown(&mut self) -> bool {
        self.changes_all(|state| state.phase = Phase::Stopping)
    }

    /// One more value holds readiness back.
    pub(super) fn hold(&mut self, name: &str, now: Instant) -> bool {
        self.changes_all(|state| state.latches.hold(name, now))
    }

    /// One value less holds it back, or one went in a panic.
    pub(super) fn release(&mut self, name: &str, panicked: bool) -> bool {
        self.changes_all(|state| state.latches.release(name, panicked))
    }

    fn changes_all(&mut self, change: impl FnOnce(&mut Self)) -> bool {
        let before = self.hides_all();
        change(self);
        self.hides_all() != before
    }

    /// A check fails that affects these services.
    pub(super) fn withhold(&mut self, check: &str, services: &[&'static str]) -> bool {
        let mut changed = false;
        for &service in services {
            let before = self.shown(service);
            self.withheld.entry(service).or_default().insert(check.to_owned());
            changed |= self.shown(service) != before;
        }
        changed
    }

    /// It has recovered.
    pub(super) fn restore(&mut self, check: &str, services: &[&'static str]) -> bool {
        let mut changed = false;
        for &service in services {
            let before = self.shown(service);
            if let Some(checks) = self.withheld.get_mut(service) {
                checks.remove(check);
            }
            self.withheld.retain(|_, checks| !checks.is_empty());
            changed |= self.shown(service) != before;
        }
        changed
    }

    pub(super) fn end_watches(&mut self) -> bool {
        !std::mem::replace(&mut self.watches_ended, true)
    }

    pub(super) fn watches_ended(&self) -> bool {
        self.watches_ended
    }

    /// What a caller is told of a service; `None` when it is not known.
    pub(super) fn shown(&self, service: &str) -> Option<ServingStatus> {
        let status = self.statuses.get(service)?;
        Some(self.unless_hidden(service, *status))
    }

    /// The number of services known, the whole server among them.
    pub(super) fn len(&self) -> usize {
        self.statuses.len()
    }

    /// Every service with what callers are told of it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, ServingStatus)> {
        self.statuses
            .iter()
            .map(|(service, status)| (service.as_str(), self.unless_hidden(service, *status)))
    }

    /// Every service with what callers are told of it, and the checks that have a part in that.
    pub(super) fn known(&self) -> Vec<Known> {
        let withheld_by = |service| self.withheld.get(service).into_iter().flatten().cloned();
        self.all()
            .map(|(service, status)| Known {
                service: service.to_owned(),
                status,
                withheld_by: withheld_by(service).collect(),
            })
            .collect()
    }

    /// The latches that are held.
    pub(super) fn held(&self, now: Instant) -> Vec<Held> {
        self.latches.held(now).collect()
    }

    /// Why the whole server is not serving: names and fixed words, for anyone to read. Empty when it is. Of a single
    /// service that is not, only its own callers need to know.
    pub(super) fn not_ready(&self) -> Vec<String> {
        if self.phase == Phase::Stopping {
            return vec!["draining".to_owned()];
        }
        let starting = (self.phase == Phase::Starting).then(|| "starting".to_owned());
        let waiting = self.latches.names().map(|name| format!("waiting for: {name}"));
        let checks = self.withheld.get(SERVER).into_iter().flatten();
        let failing = checks.map(|check| format!("health check {check}: failing"));
        let set = self.statuses.get(SERVER) == Some(&ServingStatus::NotServing);
        let set = set.then(|| "not serving".to_owned());
        starting.into_iter().chain(waiting).chain(failing).chain(set).collect()
    }

    fn unless_hidden(&self, service: &str, status: ServingStatus) -> ServingStatus {
        match self.hides_all() || self.withheld.contains_key(service) {
            true => ServingStatus::NotServing,
            false => status,
        }
    }

    fn hides_all(&self) -> bool {
        self.phase != Phase::Ready || !self.latches.are_open()
    }
}
