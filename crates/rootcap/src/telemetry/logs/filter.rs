//! The filter of events, which can be replaced while the process runs.

use tracing_log::log;
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, reload};

use super::{CHANGES, LogsError, directives};
use crate::in_force::{Held, InForce};

/// The filter in use, as it was written. A process has one.
pub(super) type Filter = Held<String, LogsError>;

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

/// Only the filter is reloadable: reloading a layer together with its filter panics in `tracing-subscriber`.
pub(super) fn reloadable(
    state: InForce<String>,
    compiled: Compiled,
) -> (reload::Layer<EnvFilter, Registry>, Filter) {
    let (layer, handle) = reload::Layer::new(compiled.filter);
    let load = move |text: &String| {
        let compiled = compile(text)?;
        handle.reload(compiled.filter).map_err(|_| LogsError::Gone)?;
        log::set_max_level(compiled.log_level);
        Ok(())
    };
    (layer, Held::new(state, load))
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
