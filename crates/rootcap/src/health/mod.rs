//! `grpc.health.v1`, to the letter: what clients, load balancers and probes are told of this server.
//!
//! [`Health`] is the handle with which a program says how a service is doing; the server answers `Check`, `List` and
//! `Watch` from it. A service is named in full (`helloworld.Greeter`), and the empty name is the whole server.
//!
//! - While the server starts or a [`Readiness`] is held, and from the moment it begins to drain, every service is
//!   [`NotServing`]. In between each is what the handle last said, and [`Serving`] where the handle said nothing.
//! - A service that a failing [`HealthCheck`] affects is [`NotServing`] until the check has recovered, whatever the
//!   handle says; then it is again what the handle last said.
//! - The empty name and `/readyz` on the admin port agree.
//! - `Check` of a service that is not known ends with NOT_FOUND.
//! - `Watch` sends the present status at once and then each change. While the service is not known it reports
//!   SERVICE_UNKNOWN and stays open. A caller that reads slowly gets the latest status, not every one in between.
//! - `List` answers all statuses at one instant, and RESOURCE_EXHAUSTED for more than 100.
//! - At most 1,000 `Watch` calls are open at a time; a further one ends with RESOURCE_EXHAUSTED.
//! - When the server drains, each `Watch` is told [`NotServing`] and then ends with OK, so that it does not hold up the
//!   drain.
//!
//! ```
//! use rootcap::health::{Health, ServingStatus};
//!
//! let health = Health::new();
//! health.set("helloworld.Greeter", ServingStatus::NotServing);
//! assert_eq!(health.status("helloworld.Greeter"), Some(ServingStatus::NotServing));
//! assert_eq!(health.status("no.Such"), None);
//! ```
//!
//! [`Serving`]: ServingStatus::Serving
//! [`NotServing`]: ServingStatus::NotServing

mod checks;
mod latches;
mod readiness;
mod service;
mod state;
#[cfg(test)]
mod tests;

/// What `cargo xtask codegen` makes of `proto/proto/grpc/health/v1/health.proto`; included, so that no formatter
/// touches it.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; what has no docs has none in the .proto file"
)]
mod generated {
    include!("generated/grpc.health.v1.rs");
}

use std::sync::Arc;

use tokio::{sync::watch, time::Instant};
use tonic::server::NamedService;

pub use self::checks::{Affects, HealthCheck};
pub use self::readiness::Readiness;

pub(crate) use self::checks::{CheckState, Checks, Listed};
pub(crate) use self::generated::health_server::{HealthServer, SERVICE_NAME as HEALTH};
pub(crate) use self::latches::Held;
pub(crate) use self::service::HealthService;
use self::service::{MAX_REQUEST_BYTES, MAX_WATCHES};
pub(crate) use self::state::Known;
use self::state::State;

/// The descriptors of `grpc.health.v1`, for reflection: an encoded `google.protobuf.FileDescriptorSet`.
pub(crate) const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/health.bin");

/// Whether a service can take calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServingStatus {
    /// It can.
    Serving,
    /// It cannot now: it starts, drains, or misses something that it depends on.
    NotServing,
}

/// The handle with which a program tells its health.
///
/// A clone is cheap and speaks for the same server. A handle can be used before its server starts: what it says is
/// kept. Its map of services has as many entries as the program names, and no caller can add one.
#[derive(Clone, Debug)]
pub struct Health {
    /// Every watcher holds a receiver of this one channel, which keeps the latest state and no queue.
    state: Arc<watch::Sender<State>>,
}

impl Health {
    /// The health of a server that has not started.
    pub fn new() -> Self {
        let (state, _) = watch::channel(State::new());
        Self { state: Arc::new(state) }
    }

    /// Sets the status of a service by its full name; the empty name is the whole server.
    ///
    /// The services do not follow the whole server: what is set for the empty name is told only to those who ask for
    /// it. While the server drains, what is set is kept, but callers are told [`ServingStatus::NotServing`].
    pub fn set(&self, service: &str, status: ServingStatus) {
        self.state.send_if_modified(|state| state.set(service, status));
    }

    /// Sets the status of a generated service, as [`set`](Self::set) does by name.
    ///
    /// ```
    /// # use rootcap::health::{Health, ServingStatus};
    /// # use rootcap_proto::helloworld::greeter_server::{Greeter, GreeterServer};
    /// # fn example<G: Greeter>(health: &Health) {
    /// health.set_service::<GreeterServer<G>>(ServingStatus::NotServing);
    /// # }
    /// ```
    pub fn set_service<S: NamedService>(&self, status: ServingStatus) {
        self.set(S::NAME, status);
    }

    /// Forgets what was set for a service, which is then not known.
    ///
    /// The whole server (the empty name) is always known: it goes back to following the server's life.
    pub fn clear(&self, service: &str) {
        self.state.send_if_modified(|state| state.clear(service));
    }

    /// What callers are told of a service now; `None` when it is not known.
    pub fn status(&self, service: &str) -> Option<ServingStatus> {
        self.state.borrow().shown(service)
    }

    /// Holds readiness back until the value and all its clones are dropped: see [`Readiness`].
    ///
    /// The name says what is waited for (`warm the cache`), and is shown to anyone on `/readyz`; of a longer one than
    /// 128 bytes, its beginning. Before the start or later makes no difference, and several of one name are one latch.
    pub fn readiness(&self, name: &str) -> Readiness {
        Readiness::hold(Arc::clone(&self.state), name)
    }

    /// Why the server is not ready; empty when it is.
    pub(crate) fn not_ready(&self) -> Vec<String> {
        self.state.borrow().not_ready()
    }

    /// Every service that is known.
    pub(crate) fn known(&self) -> Vec<Known> {
        self.state.borrow().known()
    }

    /// What readiness waits for.
    pub(crate) fn held(&self) -> Vec<Held> {
        self.state.borrow().held(Instant::now())
    }

    /// A check fails: what it affects is not serving.
    pub(crate) fn withhold(&self, check: &str, services: &[&'static str]) {
        self.state.send_if_modified(|state| state.withhold(check, services));
    }

    /// A check has recovered.
    pub(crate) fn restore(&self, check: &str, services: &[&'static str]) {
        self.state.send_if_modified(|state| state.restore(check, services));
    }

    /// Makes a service of the server known; what the program has set for it stays.
    pub(crate) fn register(&self, service: &str) {
        self.state.send_if_modified(|state| state.register(service));
    }

    /// The server has started: from now on each service is shown as what was set for it.
    ///
    /// After [`shutdown`](Self::shutdown) it does nothing.
    pub(crate) fn ready(&self) {
        self.state.send_if_modified(State::ready);
    }

    /// The server drains: from now on every service is shown as not serving, for good, and watchers are told.
    pub(crate) fn shutdown(&self) {
        self.state.send_if_modified(State::shutdown);
    }

    /// Ends each open `Watch` with OK once it was told its last status; a later one is told its status and then ends.
    pub(crate) fn end_watches(&self) {
        self.state.send_if_modified(State::end_watches);
    }

    /// The service that answers from this handle.
    ///
    /// All clones of the returned service share one limit of open `Watch` calls.
    pub(crate) fn service(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::new(self.clone(), MAX_WATCHES))
            .max_decoding_message_size(MAX_REQUEST_BYTES)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}
