//! Lines of calls on their way into the sink, past the filter.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use rootcap_layers::access_log::{Output, TARGET};
use tracing::{Level, Metadata, callsite::DefaultCallsite, field::FieldSet};
use tracing_core::{callsite::Callsite, identify_callsite, metadata::Kind};

use super::log_filter::PassingLines;

/// Lines of calls. They never become events, but the filter of the log decides about them as if they were.
#[derive(Debug)]
pub(super) struct CallLines<O> {
    pub(super) output: Arc<O>,
    /// `None` where there is no filter of ours: all pass.
    pub(super) passing: Option<Arc<PassingLines>>,
}

/// The callsite of the events that the lines of one level stand for.
macro_rules! callsite {
    ($level:expr) => {{
        static METADATA: Metadata<'static> = Metadata::new(
            "call",
            TARGET,
            $level,
            None,
            None,
            None,
            FieldSet::new(&[], identify_callsite!(&CALLSITE)),
            Kind::EVENT,
        );
        static CALLSITE: DefaultCallsite = DefaultCallsite::new(&METADATA);
        &CALLSITE
    }};
}

fn callsite(level: Level) -> &'static DefaultCallsite {
    match level {
        Level::ERROR => callsite!(Level::ERROR),
        Level::WARN => callsite!(Level::WARN),
        _ => callsite!(Level::INFO),
    }
}

/// Makes `tracing` ask the filter of every subscriber that is made from now on about these lines, and ask again when
/// the filter changes.
pub(super) fn register() {
    for level in [Level::ERROR, Level::WARN, Level::INFO] {
        callsite(level).register();
    }
}

/// Whether this is one of those callsites.
pub(super) fn is_of_call_lines(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
        && metadata.callsite() == callsite(*metadata.level()).metadata().callsite()
}

impl<O: Output> Output for CallLines<O> {
    fn enabled(&self, level: Level) -> bool {
        self.passing.as_ref().is_none_or(|passing| passing.at(level).load(Relaxed))
    }

    fn write(&self, line: &[u8]) {
        self.output.write(line);
    }
}
