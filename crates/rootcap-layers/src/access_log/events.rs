//! The lines of a call as `tracing` events, for a subscriber that is not ours.
//!
//! How they are written is the subscriber's matter. Since it may write text to a terminal without a look
//! at what is in it, characters with an effect are escaped here already.

use std::borrow::Cow;

use tonic::Code;
use tracing::Level;

use super::{
    FINISHED, MAX_CALLER_STRING, STARTED, TARGET,
    call_fields::{deadline_ms, sent_names},
    escape,
};
use crate::{
    call::{Call, Direction},
    excerpt::without_effects,
    outcome::{Outcome, code_name},
};

/// What both events have.
struct Common<'a> {
    service: Cow<'a, str>,
    method: Cow<'a, str>,
    peer: Option<Cow<'a, str>>,
    identity: Option<Cow<'a, str>>,
    user_agent: Option<Cow<'a, str>>,
    metadata: Option<String>,
}

impl<'a> Common<'a> {
    fn of(call: &'a Call) -> Self {
        let method = call.method();
        let (service, name) = match method.is_unknown() {
            true => sent_names(call),
            false => (method.service(), method.name()),
        };
        let peer = call.peer();
        Self {
            service: safe(service.as_bytes()),
            method: safe(name.as_bytes()),
            peer: peer.map(|peer| safe(peer.as_str().as_bytes())),
            identity: peer.and_then(|peer| peer.proved_identity()).map(|id| safe(id.as_bytes())),
            user_agent: call.user_agent().map(|agent| safe(agent.as_bytes())),
            metadata: metadata(call),
        }
    }
}

fn metadata(call: &Call) -> Option<String> {
    let listed = call.logged_metadata();
    let pair = |(name, value): &(http::HeaderName, http::HeaderValue)| {
        format!("{name}={:?}", safe(value.as_bytes()))
    };
    (!listed.is_empty()).then(|| listed.iter().map(pair).collect::<Vec<_>>().join(" "))
}

/// Cut, and with characters that have an effect escaped.
fn safe(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(escape::cut(bytes, MAX_CALLER_STRING)) {
        Cow::Borrowed(text) => without_effects(text),
        Cow::Owned(text) => Cow::Owned(without_effects(&text).into_owned()),
    }
}

pub(super) fn started(call: &Call) {
    if !tracing::event_enabled!(target: TARGET, Level::INFO) {
        return;
    }
    let common = Common::of(call);
    tracing::info!(
        target: TARGET,
        // They have all that the call's span has.
        parent: None,
        request_id = call.request_id().as_str(),
        trace_id = %call.trace().trace_id(),
        span_id = %call.trace().span_id(),
        grpc.service = &*common.service,
        grpc.method = &*common.method,
        grpc.type = call.method().kind().as_str(),
        grpc.deadline_ms = deadline_ms(call),
        peer.address = common.peer.as_deref(),
        peer.identity = common.identity.as_deref(),
        user_agent = common.user_agent.as_deref(),
        metadata = common.metadata.as_deref(),
        "{STARTED}"
    );
}

/// An event's level is a constant of its callsite, so there is one for each.
pub(super) fn finished(level: Level, call: &Call, outcome: &Outcome) {
    macro_rules! finished {
        ($level:expr) => {
            if tracing::event_enabled!(target: TARGET, $level) {
                let common = Common::of(call);
                let message = outcome.message().filter(|_| outcome.code() != Code::Ok);
                let message = message.as_ref().map(|message| safe(message.as_bytes()));
                tracing::event!(
                    target: TARGET,
                    parent: None,
                    $level,
                    request_id = call.request_id().as_str(),
                    trace_id = %call.trace().trace_id(),
                    span_id = %call.trace().span_id(),
                    grpc.service = &*common.service,
                    grpc.method = &*common.method,
                    grpc.type = call.method().kind().as_str(),
                    grpc.code = code_name(outcome.code()),
                    grpc.message = message.as_deref(),
                    grpc.time_ms = outcome.duration().as_micros() as f64 / 1_000.0,
                    grpc.deadline_ms = deadline_ms(call),
                    grpc.recv_msgs = call.messages(Direction::Received),
                    grpc.sent_msgs = call.messages(Direction::Sent),
                    grpc.recv_bytes = call.bytes(Direction::Received),
                    grpc.sent_bytes = call.bytes(Direction::Sent),
                    peer.address = common.peer.as_deref(),
                    peer.identity = common.identity.as_deref(),
                    user_agent = common.user_agent.as_deref(),
                    rejected_by = call.rejected_by(),
                    metadata = common.metadata.as_deref(),
                    "{FINISHED}"
                );
            }
        };
    }
    match level {
        Level::ERROR => finished!(Level::ERROR),
        Level::WARN => finished!(Level::WARN),
        _ => finished!(Level::INFO),
    }
}
