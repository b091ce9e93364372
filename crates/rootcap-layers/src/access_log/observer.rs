//! [`AccessLog`]: the observer that writes the lines.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tracing::Level;

use super::{
    Common, Format, Line, Output,
    beginning::Beginning,
    call_fields::{finished, started},
    events, level_of, timestamp,
};
use crate::{call::Call, observe::Observer, outcome::Outcome};

/// Which lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Calls {
    /// One when a call starts, and one when it has ended.
    #[default]
    Both,
    /// One when a call has ended.
    End,
    /// One when a call has ended with a code whose level is above INFO ([`level_of`]).
    Errors,
    /// None.
    Off,
}

/// Whether the calls of the framework's own services (health, reflection) are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BuiltinCalls {
    /// They are left out: probes come every few seconds, for ever.
    #[default]
    Skip,
    /// They are logged like all others.
    Log,
}

/// Writes a line when a call starts, and one when it has ended. See the [module](super).
#[derive(Clone)]
pub struct AccessLog {
    to: To,
    calls: Calls,
    builtin: BuiltinCalls,
}

#[derive(Clone)]
enum To {
    Lines(Arc<dyn Output>, Format),
    Events,
}

impl AccessLog {
    /// Writes lines to `output`.
    pub fn new(output: impl Output, format: Format) -> Self {
        Self::to(To::Lines(Arc::new(output), format))
    }

    /// Emits `tracing` events with the target [`TARGET`](super::TARGET) and the same keys, for a process
    /// whose subscriber writes the log. Listed metadata is one field, `metadata`: the names of an event's
    /// fields cannot depend on a setting. A line costs many times what one of [`new`](Self::new) does.
    pub fn events() -> Self {
        Self::to(To::Events)
    }

    fn to(to: To) -> Self {
        Self { to, calls: Calls::default(), builtin: BuiltinCalls::default() }
    }

    /// Which lines are written; by default both.
    #[must_use]
    pub fn calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// Whether the calls of health and reflection are logged; by default they are not.
    #[must_use]
    pub fn builtin(mut self, builtin: BuiltinCalls) -> Self {
        self.builtin = builtin;
        self
    }

    fn wants(&self, call: &Call) -> bool {
        self.builtin == BuiltinCalls::Log || !call.method().is_builtin()
    }

    fn wants_end(&self, level: Level) -> bool {
        match self.calls {
            Calls::Both | Calls::End => true,
            Calls::Errors => level != Level::INFO,
            Calls::Off => false,
        }
    }
}

impl Observer for AccessLog {
    type State = Common;

    fn on_start(&self, call: &Call) -> Common {
        let mut common = Common::default();
        if self.calls != Calls::Both || !self.wants(call) {
            return common;
        }
        match &self.to {
            To::Lines(output, format) => {
                if output.enabled(Level::INFO) {
                    let fields = common.fields(*format, call);
                    let begin = Beginning::Started.at(*format, fields.started(), Level::INFO);
                    let started = |line: &mut Line<'_>| started(line, call, fields);
                    format.write_begun(output, begin, started);
                }
            }
            To::Events => events::started(call),
        }
        common
    }

    fn on_end(&self, call: &Call, mut common: Common, outcome: &Outcome) {
        let level = level_of(outcome.code());
        if !self.wants_end(level) || !self.wants(call) {
            return;
        }
        match &self.to {
            To::Lines(output, format) => {
                if output.enabled(level) {
                    let fields = common.fields(*format, call);
                    let at = ended_at(fields.started(), outcome);
                    let begin = Beginning::Finished.at(*format, at, level);
                    let finished = |line: &mut Line<'_>| finished(line, call, outcome, fields);
                    format.write_begun(output, begin, finished);
                }
            }
            To::Events => events::finished(level, call, outcome),
        }
    }
}

/// Saves reading the wall clock once more; not for calls so long that the clock may have been set since.
fn ended_at(started: Duration, outcome: &Outcome) -> Duration {
    match outcome.duration() {
        short if short < Duration::from_secs(60) => started.saturating_add(short),
        _ => timestamp::since_epoch(SystemTime::now()),
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match &self.to {
            To::Lines(_, format) => format as &dyn fmt::Debug,
            To::Events => &"tracing events",
        };
        f.debug_struct("AccessLog")
            .field("to", to)
            .field("calls", &self.calls)
            .field("builtin", &self.builtin)
            .finish()
    }
}
