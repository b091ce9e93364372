//! [`Readiness`]: a value that holds readiness back for as long as it lives.

use std::{sync::Arc, thread};

use rootcap_layers::excerpt::cut;
use tokio::{sync::watch, time::Instant};

use super::state::State;

/// The longest name, in bytes.
const MAX_NAME: usize = 128;

/// Holds readiness back while it lives: a start-up task owns it and drops it when the work is done.
///
/// While one is held, the server is as one that starts: it takes calls, but `/readyz` answers 503 with
/// `waiting for: <name>`, and every service is [`NotServing`](super::ServingStatus::NotServing). The last one dropped
/// makes it ready. A clone holds it too, so that the parts of a task can each own one. A drain does not wait for it.
///
/// One that is dropped by a *panic* keeps the server from becoming ready, for good: what its owner was to do has not
/// been done. (Known from [`std::thread::panicking`] at the drop: a value that only belongs to somebody above the
/// panic, who survives it, is released as ever.) A task that ends with an error, or is aborted, does release it: whoever
/// wants to try again keeps it, and whoever gives up ends the server.
///
/// ```
/// use rootcap::health::Health;
///
/// # async fn fill_the_cache() {}
/// # async fn example(service: impl rootcap::IntoServices<List = rootcap::Nil>) -> Result<(), rootcap::Error> {
/// let health = Health::new();
/// let warm = health.readiness("warm the cache");
/// tokio::spawn(async move {
///     fill_the_cache().await;
///     drop(warm);
/// });
/// rootcap::Server::builder().health(health).serve(service).await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it holds readiness back only for as long as it lives"]
pub struct Readiness {
    state: Arc<watch::Sender<State>>,
    name: Arc<str>,
}

impl Readiness {
    pub(super) fn hold(state: Arc<watch::Sender<State>>, name: &str) -> Self {
        Self::hold_again(state, cut(name, MAX_NAME).into())
    }

    fn hold_again(state: Arc<watch::Sender<State>>, name: Arc<str>) -> Self {
        let now = Instant::now();
        state.send_if_modified(|state| state.hold(&name, now));
        Self { state, name }
    }
}

impl Clone for Readiness {
    fn clone(&self) -> Self {
        Self::hold_again(Arc::clone(&self.state), Arc::clone(&self.name))
    }
}

impl Drop for Readiness {
    fn drop(&mut self) {
        self.state.send_if_modified(|state| state.release(&self.name, thread::panicking()));
    }
}
