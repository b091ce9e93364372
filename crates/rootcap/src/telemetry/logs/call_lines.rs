//! Lines of calls on their way into the sink, past the filter.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use rootcap_layers::access_log::{Output, TARGET};
use tracing::{Level, Metadata, callsite::DefaultCallsite, field::FieldSet};
use tracing_core::{callsite::Callsite, identify_callsite, metadata::Kind};

use super::log_filter::PassingLines;
use crate::telemetry::sink::Sink;

/// Lines of calls. They never become events, but the filter decides about them as if they were.
#[derive(Debug)]
pub(super) struct CallLines {
    pub(super) sink: Arc<Sink>,
    pub(super) passing: Arc<PassingLines>,
}

/// The callsite of the events that the lines of one level stand for, so that `tracing` asks the filter about them, and
/// asks again when the filter changes.
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

/// Whether this is one of those callsites.
pub(super) fn is_of_call_lines(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
        && metadata.callsite() == callsite(*metadata.level()).metadata().callsite()
}

impl Output for CallLines {
    fn enabled(&self, level: Level) -> bool {
        // The first time, this is when the filter is asked.
        callsite(level).interest();
        self.passing.at(level).load(Relaxed)
    }

    fn write(&self, line: &[u8]) {
        self.sink.write(line);
    }
}
