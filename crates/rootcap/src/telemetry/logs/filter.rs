//! The filter of events, which can be replaced while the process runs.

use std::sync::Arc;

use tokio::{sync::watch, time::Instant};
use tracing_log::log;
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, reload};

use super::{CHANGES, LogsError, directives, in_force::InForce};

/// The filter in use. A process has one.
///
/// Only the filter is reloadable: reloading a layer together with its filter panics in
/// `tracing-subscriber`.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    handle: reload::Handle<EnvFilter, Registry>,
    state: Arc<watch::Sender<InForce>>,
}

/// A filter that was replaced, and the one in its place, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) old: String,
    pub(crate) new: String,
}

/// A filter, ready to be used.
pub(super) struct Compiled {
    filter: EnvFilter,
    /// The least severe level that it lets pass, in terms of the `log` crate.
    pub(super) log_level: log::LevelFilter,
}

/// Compiles a filter. Whatever it says, the lines that tell of its changes pass.
pub(super) fn compile(text: &str) -> Result<Compiled, LogsError> {
    let filter = directives::parse(text)
        .map_err(|source| LogsError::Filter { value: text.into(), source })?;
    let log_level = log_level(filter.max_level_hint());
    let of_changes = format!("{CHANGES}=info").parse().expect("a target and a level");
    Ok(Compiled { filter: filter.add_directive(of_changes), log_level })
}

pub(super) fn reloadable(
    state: InForce,
    compiled: Compiled,
) -> (reload::Layer<EnvFilter, Registry>, Filter) {
    let (layer, handle) = reload::Layer::new(compiled.filter);
    (layer, Filter { handle, state: Arc::new(watch::Sender::new(state)) })
}

impl Filter {
    /// Which filter is in force.
    pub(super) fn state(&self) -> InForce {
        self.state.borrow().clone()
    }

    /// Puts into force what `next` makes of the present state, unless that is `None`. Where it cannot be, all stays
    /// as it was.
    pub(super) fn update(
        &self,
        next: impl FnOnce(&InForce) -> Option<InForce>,
    ) -> Result<Option<Replaced>, LogsError> {
        let mut result = Ok(None);
        // One after another: filter and state are always the same one's.
        self.state.send_if_modified(|state| {
            let Some(next) = next(state) else { return false };
            result = self.load(&next.current().text).map(|()| {
                let (old, new) = (state.current().text.clone(), next.current().text.clone());
                *state = next;
                Some(Replaced { old, new })
            });
            result.is_ok()
        });
        result
    }

    fn load(&self, text: &str) -> Result<(), LogsError> {
        let compiled = compile(text)?;
        self.handle.reload(compiled.filter).map_err(|_| LogsError::Gone)?;
        log::set_max_level(compiled.log_level);
        Ok(())
    }

    /// Waits until the time of a change is over, and ends it.
    pub(super) async fn expired(&self) -> Result<Replaced, LogsError> {
        let mut state = self.state.subscribe();
        loop {
            let until = state.borrow_and_update().until();
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => {}
                // The sender is here, so it is there.
                _ = state.changed() => continue,
            }
            if let Some(replaced) = self.update(|state| state.at(Instant::now()))? {
                return Ok(replaced);
            }
        }
    }
}

/// The least severe level that anyone wants, in terms of the `log` crate. A filter that does not know may let all pass.
fn log_level(hint: Option<LevelFilter>) -> log::LevelFilter {
    match hint.unwrap_or(LevelFilter::TRACE).into_level() {
        None => log::LevelFilter::Off,
        Some(tracing::Level::ERROR) => log::LevelFilter::Error,
        Some(tracing::Level::WARN) => log::LevelFilter::Warn,
        Some(tracing::Level::INFO) => log::LevelFilter::Info,
        Some(tracing::Level::DEBUG) => log::LevelFilter::Debug,
        Some(tracing::Level::TRACE) => log::LevelFilter::Trace,
    }
}
