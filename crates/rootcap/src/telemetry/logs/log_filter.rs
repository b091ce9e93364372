//! The filter of the log as a filter of its layer alone: what is exported is not its affair.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tracing::{
    Level, Metadata,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::LevelFilter,
    layer::{Context, Filter},
    reload,
};

use super::call_lines;

/// Which lines of calls pass, by level: as the filter said when it was last asked.
#[derive(Debug, Default)]
pub(super) struct PassingLines {
    error: AtomicBool,
    warn: AtomicBool,
    info: AtomicBool,
}

impl PassingLines {
    pub(super) fn at(&self, level: Level) -> &AtomicBool {
        match level {
            Level::ERROR => &self.error,
            Level::WARN => &self.warn,
            _ => &self.info,
        }
    }
}

/// The reloadable filter. It notes what it says of the lines of calls, which never become events: `tracing` asks it
/// when the subscriber is made, and again whenever the filter changes.
pub(super) struct LogFilter {
    pub(super) filter: reload::Layer<EnvFilter, Registry>,
    pub(super) lines: Arc<PassingLines>,
}

impl Filter<Registry> for LogFilter {
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let interest = Filter::callsite_enabled(&self.filter, metadata);
        if call_lines::is_of_call_lines(metadata) {
            // A directive for a span says nothing of them: they are written outside of all spans.
            self.lines.at(*metadata.level()).store(interest.is_always(), Relaxed);
        }
        interest
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, Registry>) -> bool {
        Filter::enabled(&self.filter, metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Filter::max_level_hint(&self.filter)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        Filter::on_new_span(&self.filter, attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        Filter::on_record(&self.filter, id, values, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, Registry>) {
        Filter::on_enter(&self.filter, id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, Registry>) {
        Filter::on_exit(&self.filter, id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, Registry>) {
        Filter::on_close(&self.filter, id, context);
    }
}
