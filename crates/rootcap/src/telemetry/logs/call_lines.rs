//! Lines of calls on their way into the sink, past the filter.

use std::sync::Arc;

use rootcap_layers::access_log::{Output, TARGET};
use tracing::{Level, Metadata, callsite::DefaultCallsite, dispatcher, field::FieldSet};
use tracing_core::{callsite::Callsite, identify_callsite, metadata::Kind};

/// Lines of calls. They never become events, but the filter decides about them as if they were.
#[derive(Debug)]
pub(super) struct CallLines<O>(pub(super) Arc<O>);

/// The callsite of the events that the lines of one level stand for. `tracing` keeps in it what the
/// filter says, and renews that when the filter changes, so that asking costs one atomic load.
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

impl<O: Output> Output for CallLines<O> {
    fn enabled(&self, level: Level) -> bool {
        let callsite: &'static DefaultCallsite = match level {
            Level::ERROR => callsite!(Level::ERROR),
            Level::WARN => callsite!(Level::WARN),
            _ => callsite!(Level::INFO),
        };
        let interest = callsite.interest();
        if interest.is_always() || interest.is_never() {
            return interest.is_always();
        }
        dispatcher::get_default(|subscriber| subscriber.enabled(callsite.metadata()))
    }

    fn write(&self, line: &[u8]) {
        self.0.write(line);
    }
}
