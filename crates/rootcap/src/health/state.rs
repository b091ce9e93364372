//! What is known of every service, and what callers are told of it: the rules, without a task or a socket.

use std::collections::BTreeMap;

use super::ServingStatus;

/// The whole server's name.
const SERVER: &str = "";

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    Stopping,
}

/// The statuses that were set, under the phase that can hide them.
///
/// Every method that changes something returns whether callers can see a difference.
#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    /// What each service is shown as while the server is ready.
    statuses: BTreeMap<String, ServingStatus>,
    watches_ended: bool,
}

impl State {
    /// A server that starts and knows nothing but itself.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Starting,
            statuses: BTreeMap::from([(SERVER.to_owned(), ServingStatus::Serving)]),
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
        let starting = self.phase == Phase::Starting;
        if starting {
            self.phase = Phase::Ready;
        }
        starting
    }

    pub(super) fn shutdown(&mut self) -> bool {
        let first = self.phase != Phase::Stopping;
        self.phase = Phase::Stopping;
        first
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
        Some(self.under_phase(*status))
    }

    /// The number of services known, the whole server among them.
    pub(super) fn len(&self) -> usize {
        self.statuses.len()
    }

    /// Every service with what callers are told of it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, ServingStatus)> {
        self.statuses.iter().map(|(service, status)| (service.as_str(), self.under_phase(*status)))
    }

    fn under_phase(&self, status: ServingStatus) -> ServingStatus {
        match self.phase {
            Phase::Ready => status,
            Phase::Starting | Phase::Stopping => ServingStatus::NotServing,
        }
    }
}
