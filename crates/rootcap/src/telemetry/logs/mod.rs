//! The log of the process: lines of calls and the user's `tracing` events, in one format, through one buffer.
//!
//! [`Logs::install`] installs a `tracing` subscriber where the process has none. Then the lines of calls
//! and all events (those of the `log` crate too) go to stdout through one [`Sink`]; what is logged while a
//! call is served carries its ids. A process that has a subscriber keeps it, and gets the lines of calls
//! as events.
//!
//! A process has one log. A second [`Logs::install`] shares what the first one installed: its format, its
//! buffer and its filter stay; which lines of calls are written is each server's own setting.

mod call_lines;
mod changes;
mod directives;
mod error;
mod fields;
mod filter;
mod layer;
mod log_filter;

pub(crate) use changes::USUAL as USUAL_CHANGE;
#[cfg(fuzzing)]
pub(crate) use directives::at_debug as filter_at_debug;
pub(crate) use directives::check as check_filter;
pub(crate) use error::{ACCEPTED_FILTER, LogsError};

/// The target of the lines that tell what was changed while the process runs. They pass every filter, and a buffer
/// that is full of other lines.
pub(crate) const CHANGES: &str = "rootcap::change";

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use opentelemetry::global::BoxedTracer;
use rootcap_layers::{
    access_log::{AccessLog, BuiltinCalls, Calls, Format},
    observe::Spans,
};
use tracing::Dispatch;
use tracing_subscriber::{Layer, layer::SubscriberExt};

use self::{
    call_lines::CallLines,
    filter::{Compiled, Filter},
    layer::EventLines,
    log_filter::{LogFilter, PassingLines},
};
use super::{
    child_spans::ChildTracer,
    export::{LogLine, Queue},
    sink::{Sink, SinkCounters},
};
use crate::{
    config::{self, Loaded, LogCalls, LogFormat, Switch},
    in_force::{Given, InForce, Origin},
};

/// What [`Logs::install`] is told.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    /// How lines are written.
    pub(crate) format: LogFormat,
    /// Which lines of calls are written.
    pub(crate) calls: Calls,
    /// Whether calls of health and reflection have lines.
    pub(crate) builtin: BuiltinCalls,
    /// Which events are written: directives `target=level`, separated by commas, as in `RUST_LOG`.
    pub(crate) filter: String,
    /// Where the filter came from.
    pub(crate) filter_source: String,
    /// How many bytes may wait to be written.
    pub(crate) buffer: usize,
    /// What starts the spans that handlers make with `tracing`, if they are to be exported.
    pub(crate) children: Option<ChildTracer>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            calls: Calls::default(),
            builtin: BuiltinCalls::default(),
            filter: "info".into(),
            filter_source: "default".into(),
            buffer: 4 * 1024 * 1024,
            children: None,
        }
    }
}

impl From<&Loaded> for LogSettings {
    fn from(loaded: &Loaded) -> Self {
        let filter_source = loaded.sources.of("log.filter").to_string();
        Self { filter_source, ..Self::from(&loaded.config.log) }
    }
}

impl From<&config::Log> for LogSettings {
    fn from(settings: &config::Log) -> Self {
        Self {
            format: settings.format,
            calls: match settings.calls {
                LogCalls::Both => Calls::Both,
                LogCalls::End => Calls::End,
                LogCalls::Errors => Calls::Errors,
                LogCalls::Off => Calls::Off,
            },
            builtin: match settings.builtin_calls {
                Switch::On => BuiltinCalls::Log,
                Switch::Off => BuiltinCalls::Skip,
            },
            filter: settings.filter.clone(),
            buffer: settings.buffer.as_usize(),
            ..Self::default()
        }
    }
}

/// The log of this process, as one server sees it.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    /// `None` where the subscriber is not ours.
    installed: Option<Installed>,
    calls: Calls,
    builtin: BuiltinCalls,
}

/// Whether events go to a log of ours, where this is called.
pub(crate) fn is_current() -> bool {
    tracing::dispatcher::get_default(Dispatch::is::<EventLines>)
}

/// What the process has one of.
#[derive(Debug, Clone)]
struct Installed {
    sink: Arc<Sink>,
    format: Format,
    filter: Filter,
    passing: Arc<PassingLines>,
    children: Option<ChildTracer>,
}

static INSTALLED: Mutex<Option<Installed>> = Mutex::new(None);

impl Logs {
    /// Installs a subscriber that writes to stdout, where the process has none.
    ///
    /// # Errors
    /// When the filter cannot be parsed, or the thread that writes cannot be started.
    pub(crate) fn install(settings: &LogSettings) -> Result<Self, LogsError> {
        let filter = filter::compile(&settings.filter)?;
        let log_level = filter.log_level;
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if installed.is_none() {
            let (new, dispatch) = Installed::new(settings, filter, io::stdout())?;
            match tracing::dispatcher::set_global_default(dispatch) {
                Ok(()) => {
                    bridge_log_crate(log_level);
                    *installed = Some(new);
                }
                // The process has one, which stands. What ours would have wanted is forgotten.
                Err(_) => tracing::callsite::rebuild_interest_cache(),
            }
        }
        Ok(Self::of(installed.clone(), settings))
    }

    fn of(installed: Option<Installed>, settings: &LogSettings) -> Self {
        Self { installed, calls: settings.calls, builtin: settings.builtin }
    }

    /// The observer that writes the lines of calls.
    pub(crate) fn access_log(&self) -> AccessLog {
        let log = match &self.installed {
            Some(ours) => AccessLog::new(ours.call_lines(), ours.format),
            None => AccessLog::events(),
        };
        log.calls(self.calls).builtin(self.builtin)
    }

    /// From now on, what handlers make with `tracing` is exported by `tracer`, where the log was set up for that. A
    /// subscriber that is not ours does what it does.
    pub(crate) fn export_children(&self, tracer: &Arc<BoxedTracer>) {
        if let Some(children) = self.installed.as_ref().and_then(|ours| ours.children.as_ref()) {
            children.set(Arc::clone(tracer));
        }
    }

    /// The observer that exports the end of each call, where that is logged. A subscriber of the process's own has
    /// no say in that.
    pub(crate) fn exported_calls(&self, export: Option<Arc<Queue<LogLine>>>) -> AccessLog {
        let Some(queue) = export else { return AccessLog::events().calls(Calls::Off) };
        let calls = if self.calls == Calls::Both { Calls::End } else { self.calls };
        let passing = self.installed.as_ref().map(|ours| Arc::clone(&ours.passing));
        AccessLog::new(CallLines { output: queue, passing }, Format::Json)
            .calls(calls)
            .builtin(self.builtin)
    }

    /// Exports events too, from now on and until [`export_no_events`](Self::export_no_events): where there are several
    /// servers, to the queue of the last one. The events of a subscriber that is not ours are not to be had.
    pub(crate) fn export_events(&self, queue: Arc<Queue<LogLine>>) {
        layer::EXPORTED.store(Some(queue));
    }

    /// Exports no more events to `queue`.
    pub(crate) fn export_no_events(&self, queue: &Arc<Queue<LogLine>>) {
        let exported = layer::EXPORTED.load();
        if exported.as_ref().is_some_and(|exported| Arc::ptr_eq(exported, queue)) {
            layer::EXPORTED.compare_and_swap(&exported, None);
        }
    }

    /// A subscriber that is not ours learns the ids of a call from its span.
    pub(crate) fn spans(&self) -> Spans {
        if self.installed.is_some() { Spans::Off } else { Spans::On }
    }

    /// Waits until all that was logged before is written, at most for `timeout`; tells whether it is.
    /// It blocks: before the process ends, and not on a worker of a runtime.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        self.installed.as_ref().is_none_or(|installed| installed.sink.flush(timeout))
    }

    /// Lines and bytes so far; zeros where the subscriber of this process is not ours.
    pub(crate) fn counters(&self) -> SinkCounters {
        self.installed.as_ref().map(|installed| installed.sink.counters()).unwrap_or_default()
    }
}

impl Installed {
    /// The log, and the subscriber that feeds it.
    fn new(
        settings: &LogSettings,
        filter: Compiled,
        out: impl Write + Send + 'static,
    ) -> Result<(Self, Dispatch), LogsError> {
        let format = match settings.format {
            LogFormat::Json => Format::Json,
            LogFormat::Text => Format::Text,
            LogFormat::Auto if io::stdout().is_terminal() => Format::Text,
            LogFormat::Auto => Format::Json,
        };
        let sink = Sink::start(out, settings.buffer, format).map_err(LogsError::Thread)?;
        let sink = Arc::new(sink);
        let configured = InForce::configured(Given::new(
            settings.filter.clone(),
            Origin::Settings(settings.filter_source.clone()),
            SystemTime::now(),
        ));
        let (layer, filter) = filter::reloadable(configured, filter);
        let passing = Arc::new(PassingLines::default());
        let log_filter = LogFilter { filter: layer, lines: Arc::clone(&passing) };
        let children = settings.children.clone();
        let lines = EventLines::new(Arc::clone(&sink), format).with_filter(log_filter);
        // Before the first line: of two calls that begin at once, one would not wait for the answer.
        call_lines::register();
        let subscriber = tracing_subscriber::registry().with(lines);
        let dispatch = match &children {
            Some(children) => Dispatch::new(subscriber.with(children.layer())),
            // An optional layer would have no filter of its own: what the log's filter turns down once and for all,
            // it would be asked about each time.
            None => Dispatch::new(subscriber),
        };
        Ok((Self { sink, format, filter, passing, children }, dispatch))
    }

    fn call_lines(&self) -> CallLines<Sink> {
        CallLines { output: Arc::clone(&self.sink), passing: Some(Arc::clone(&self.passing)) }
    }
}

/// Has what is logged with the `log` crate go through the same filter. A process that has a logger keeps it.
fn bridge_log_crate(level: tracing_log::log::LevelFilter) {
    let _ = tracing_log::LogTracer::builder().with_max_level(level).init();
}

#[cfg(test)]
pub(crate) mod tests;
