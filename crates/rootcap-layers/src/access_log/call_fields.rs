//! What the lines of a call say of it.

use tonic::Code;

use super::{Key, Line, common::Fields, key::key};
use crate::{
    call::{Call, Direction},
    method,
    outcome::{Outcome, code_name},
};

/// The fields of the line of a call that starts.
pub(super) fn started(line: &mut Line<'_>, call: &Call, common: &Fields) {
    line.rendered(common.call());
    deadline(line, call);
    line.rendered(common.caller());
}

/// The fields of the line of a call that has ended.
pub(super) fn finished(line: &mut Line<'_>, call: &Call, outcome: &Outcome, common: &Fields) {
    const CODE: Key<'static> = key!("grpc.code");
    const MESSAGE: Key<'static> = key!("grpc.message");
    const TIME: Key<'static> = key!("grpc.time_ms");
    const REJECTED_BY: Key<'static> = key!("rejected_by");
    line.rendered(common.call());
    line.plain(CODE, code_name(outcome.code()).as_bytes());
    if outcome.code() != Code::Ok
        && let Some(message) = outcome.message()
    {
        line.caller_string(MESSAGE, message.as_bytes());
    }
    line.millis(TIME, outcome.duration());
    deadline(line, call);
    traffic(line, call);
    if let Some(policy) = call.rejected_by() {
        line.string(REJECTED_BY, policy);
    }
    line.rendered(common.caller());
}

/// What all lines of a call begin with: its ids, and the names of its method.
pub(super) fn call(line: &mut Line<'_>, call: &Call) {
    ids(line, call);
    names(line, call);
}

/// What all lines of a call end in: its peer, and the metadata that is listed for the log.
pub(super) fn caller(line: &mut Line<'_>, call: &Call) {
    peer(line, call);
    user_agent(line, call);
    metadata(line, call);
}

/// The ids that all lines of a call share.
fn ids(line: &mut Line<'_>, call: &Call) {
    const REQUEST_ID: Key<'static> = key!("request_id");
    const TRACE_ID: Key<'static> = key!("trace_id");
    const SPAN_ID: Key<'static> = key!("span_id");
    let id = call.request_id();
    match id.is_own() {
        true => line.plain(REQUEST_ID, id.header_value().as_bytes()),
        false => line.string(REQUEST_ID, id.header_value()),
    }
    line.hex::<32>(TRACE_ID, &call.trace().trace_id().to_bytes());
    line.hex::<16>(SPAN_ID, &call.trace().span_id().to_bytes());
}

impl Line<'_> {
    /// The ids of a call: `request_id`, `trace_id`, `span_id`.
    pub fn call_ids(&mut self, call: &Call) {
        ids(self, call);
    }
}

const SERVICE: Key<'static> = key!("grpc.service");
const METHOD: Key<'static> = key!("grpc.method");
const TYPE: Key<'static> = key!("grpc.type");

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
    const DEADLINE: Key<'static> = key!("grpc.deadline_ms");
    if let Some(millis) = deadline_ms(call) {
        line.count(DEADLINE, millis);
    }
}

/// From the start of the call to its deadline.
pub(super) fn deadline_ms(call: &Call) -> Option<u64> {
    Some(u64::try_from(call.allowed()?.as_millis()).unwrap_or(u64::MAX))
}

fn traffic(line: &mut Line<'_>, call: &Call) {
    const RECV_MSGS: Key<'static> = key!("grpc.recv_msgs");
    const SENT_MSGS: Key<'static> = key!("grpc.sent_msgs");
    const RECV_BYTES: Key<'static> = key!("grpc.recv_bytes");
    const SENT_BYTES: Key<'static> = key!("grpc.sent_bytes");
    line.count(RECV_MSGS, call.messages(Direction::Received));
    line.count(SENT_MSGS, call.messages(Direction::Sent));
    line.count(RECV_BYTES, call.bytes(Direction::Received));
    line.count(SENT_BYTES, call.bytes(Direction::Sent));
}

fn peer(line: &mut Line<'_>, call: &Call) {
    const ADDRESS: Key<'static> = key!("peer.address");
    const IDENTITY: Key<'static> = key!("peer.identity");
    if let Some(peer) = call.peer() {
        let rendered = peer.fragment().get(line.format(), |line| {
            line.caller_string(ADDRESS, peer.as_str());
            if let Some(identity) = peer.proved_identity() {
                line.caller_string(IDENTITY, identity);
            }
        });
        line.rendered(rendered);
    }
}

fn user_agent(line: &mut Line<'_>, call: &Call) {
    const USER_AGENT: Key<'static> = key!("user_agent");
    let Some(sent) = call.user_agent() else { return };
    match call.peer().and_then(|peer| peer.agent(sent)) {
        Some(fragment) => {
            let rendered = fragment.get(line.format(), |line| line.caller_string(USER_AGENT, sent));
            line.rendered(rendered);
        }
        None => line.caller_string(USER_AGENT, sent),
    }
}

fn metadata(line: &mut Line<'_>, call: &Call) {
    for (name, value) in call.logged_metadata() {
        line.caller_string(Key::new(name.as_str()).under("metadata."), value);
    }
}
