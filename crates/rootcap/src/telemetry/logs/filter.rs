//! The filter of events, which can be replaced while the process runs.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use tracing_log::log;
use tracing_subscriber::{EnvFilter, Registry, filter::LevelFilter, reload};

use super::LogsError;

/// The filter in use.
///
/// Only the filter is reloadable: reloading a layer together with its filter panics in
/// `tracing-subscriber`.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    handle: reload::Handle<EnvFilter, Registry>,
    text: Arc<Mutex<String>>,
}

/// Parses directives; nothing at all is an error, since it would silence everything.
pub(super) fn parse(filter: &str) -> Result<EnvFilter, LogsError> {
    directives(filter).map_err(|source| LogsError::Filter { value: filter.into(), source })
}

/// Tells what is wrong with directives, if they cannot be parsed.
pub(crate) fn check(filter: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    directives(filter).map(|_| ())
}

fn directives(filter: &str) -> Result<EnvFilter, Box<dyn Error + Send + Sync>> {
    if filter.split(',').any(|directive| directive.trim().is_empty()) {
        return Err("a directive is empty".into());
    }
    Ok(EnvFilter::builder().parse(filter)?)
}

pub(super) fn reloadable(
    text: &str,
    filter: EnvFilter,
) -> (reload::Layer<EnvFilter, Registry>, Filter) {
    let (layer, handle) = reload::Layer::new(filter);
    (layer, Filter { handle, text: Arc::new(Mutex::new(text.into())) })
}

impl Filter {
    /// The directives, as they were given.
    pub(super) fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, text: &str, filter: EnvFilter) -> Result<(), LogsError> {
        // Held over the change, so that text and filter stay the same one.
        let mut current = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        self.handle.reload(filter).map_err(|_| LogsError::Gone)?;
        log::set_max_level(log_level());
        *current = text.into();
        Ok(())
    }
}

/// The least severe level that anyone wants, in terms of the `log` crate.
pub(super) fn log_level() -> log::LevelFilter {
    match LevelFilter::current().into_level() {
        None => log::LevelFilter::Off,
        Some(tracing::Level::ERROR) => log::LevelFilter::Error,
        Some(tracing::Level::WARN) => log::LevelFilter::Warn,
        Some(tracing::Level::INFO) => log::LevelFilter::Info,
        Some(tracing::Level::DEBUG) => log::LevelFilter::Debug,
        Some(tracing::Level::TRACE) => log::LevelFilter::Trace,
    }
}
