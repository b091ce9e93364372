//! [`AccessLog`]: the observer that writes the lines.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tonic::Code;
use tracing::Level;

use super::{FINISHED, Format, Key, Line, Output, STARTED, events, level_of};
use crate::{
    call::{Call, Direction},
    method,
    observe::Observer,
    outcome::{Outcome, code_name},
};

/// Which lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    type State = ();

    fn on_start(&self, call: &Call) {
        if self.calls != Calls::Both || !self.wants(call) {
            return;
        }
        match &self.to {
            To::Lines(output, format) => {
                if output.enabled(Level::INFO) {
                    let at = call.started_at();
                    format.write(output, at, Level::INFO, STARTED, |line| started(line, call));
                }
            }
            To::Events => events::started(call),
        }
    }

    fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
        let level = level_of(outcome.code());
        if !self.wants_end(level) || !self.wants(call) {
            return;
        }
        match &self.to {
            To::Lines(output, format) => {
                if output.enabled(level) {
                    let at = ended_at(call, outcome);
                    format.write(output, at, level, FINISHED, |line| finished(line, call, outcome));
                }
            }
            To::Events => events::finished(level, call, outcome),
        }
    }
}

/// Saves reading the wall clock once more; not for calls so long that the clock may have been set since.
fn ended_at(call: &Call, outcome: &Outcome) -> SystemTime {
    match outcome.duration() {
        short if short < Duration::from_secs(60) => call.started_at() + short,
        _ => SystemTime::now(),
    }
}

fn started(line: &mut Line<'_>, call: &Call) {
    ids(line, call);
    names(line, call);
    deadline(line, call);
    caller(line, call);
    metadata(line, call);
}

fn finished(line: &mut Line<'_>, call: &Call, outcome: &Outcome) {
    const CODE: Key<'static> = Key::new("grpc.code");
    const MESSAGE: Key<'static> = Key::new("grpc.message");
    const TIME: Key<'static> = Key::new("grpc.time_ms");
    const REJECTED_BY: Key<'static> = Key::new("rejected_by");
    ids(line, call);
    names(line, call);
    line.plain(CODE, code_name(outcome.code()).as_bytes());
    if outcome.code() != Code::Ok
        && let Some(message) = outcome.message()
    {
        line.caller_string(MESSAGE, message.as_bytes());
    }
    line.millis(TIME, outcome.duration());
    deadline(line, call);
    traffic(line, call);
    caller(line, call);
    if let Some(policy) = call.rejected_by() {
        line.string(REJECTED_BY, policy);
    }
    metadata(line, call);
}

fn ids(line: &mut Line<'_>, call: &Call) {
    const REQUEST_ID: Key<'static> = Key::new("request_id");
    const TRACE_ID: Key<'static> = Key::new("trace_id");
    const SPAN_ID: Key<'static> = Key::new("span_id");
    line.string(REQUEST_ID, call.request_id().header_value());
    line.hex::<32>(TRACE_ID, &call.trace().trace_id().to_bytes());
    line.hex::<16>(SPAN_ID, &call.trace().span_id().to_bytes());
}

impl Line<'_> {
    /// The ids of a call: `request_id`, `trace_id`, `span_id`.
    pub fn call_ids(&mut self, call: &Call) {
        ids(self, call);
    }
}

const SERVICE: Key<'static> = Key::new("grpc.service");
const METHOD: Key<'static> = Key::new("grpc.method");
const TYPE: Key<'static> = Key::new("grpc.type");

fn names(line: &mut Line<'_>, call: &Call) {
    let method = call.method();
    if method.is_unknown() {
        let (service, name) = sent_names(call);
        line.caller_string(SERVICE, service);
        line.caller_string(METHOD, name);
        line.plain(TYPE, method.kind().as_str().as_bytes());
        return;
    }
    let rendered = method.fragment().get(line.format(), |line| {
        line.caller_string(SERVICE, method.service());
        line.caller_string(METHOD, method.name());
        line.plain(TYPE, method.kind().as_str().as_bytes());
    });
    line.rendered(rendered);
}

/// Service and method as the caller sent them; of a path without a method all is service.
pub(super) fn sent_names(call: &Call) -> (&str, &str) {
    let path = call.path();
    method::split(path).unwrap_or((path.strip_prefix('/').unwrap_or(path), ""))
}

fn deadline(line: &mut Line<'_>, call: &Call) {
    const DEADLINE: Key<'static> = Key::new("grpc.deadline_ms");
    if let Some(millis) = deadline_ms(call) {
        line.integer(DEADLINE, millis);
    }
}

/// From the start of the call to its deadline.
pub(super) fn deadline_ms(call: &Call) -> Option<u64> {
    let whole = call.deadline()?.saturating_duration_since(call.started());
    Some(u64::try_from(whole.as_millis()).unwrap_or(u64::MAX))
}

fn traffic(line: &mut Line<'_>, call: &Call) {
    const RECV_MSGS: Key<'static> = Key::new("grpc.recv_msgs");
    const SENT_MSGS: Key<'static> = Key::new("grpc.sent_msgs");
    const RECV_BYTES: Key<'static> = Key::new("grpc.recv_bytes");
    const SENT_BYTES: Key<'static> = Key::new("grpc.sent_bytes");
    line.integer(RECV_MSGS, call.messages(Direction::Received));
    line.integer(SENT_MSGS, call.messages(Direction::Sent));
    line.integer(RECV_BYTES, call.bytes(Direction::Received));
    line.integer(SENT_BYTES, call.bytes(Direction::Sent));
}

fn caller(line: &mut Line<'_>, call: &Call) {
    const ADDRESS: Key<'static> = Key::new("peer.address");
    const IDENTITY: Key<'static> = Key::new("peer.identity");
    const USER_AGENT: Key<'static> = Key::new("user_agent");
    if let Some(peer) = call.peer() {
        let rendered = peer.fragment().get(line.format(), |line| {
            line.caller_string(ADDRESS, peer.as_str());
            if let Some(identity) = peer.proved_identity() {
                line.caller_string(IDENTITY, identity);
            }
        });
        line.rendered(rendered);
    }
    if let Some(user_agent) = call.user_agent() {
        line.caller_string(USER_AGENT, user_agent);
    }
}

fn metadata(line: &mut Line<'_>, call: &Call) {
    for (name, value) in call.logged_metadata() {
        line.caller_string(Key::new(name.as_str()).under("metadata."), value);
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
