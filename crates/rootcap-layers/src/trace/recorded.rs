//! The span of a call: started with the call where it is sampled, ended with it.
//!
//! Names and attributes are those of OpenTelemetry's semantic conventions for gRPC servers (version 1.42); what they
//! have no word for is called as in the access log.

use std::{borrow::Cow, net::SocketAddr, time::SystemTime};

use http::{HeaderMap, Uri, header::USER_AGENT};
use opentelemetry::{
    Context, KeyValue,
    global::BoxedTracer,
    trace::{Span, SpanBuilder, SpanKind, SpanRef, Status, TraceContextExt, Tracer},
};
use tonic::Code;

use super::{TraceContext, preset};
use crate::{
    call::{Call, Direction, Peer, RequestId},
    excerpt::{Excerpt, cut, without_effects},
    method::Method,
    outcome::{Outcome, canonical_name},
};

/// The name of a span whose method is not known: never what a caller made up.
const UNKNOWN: &str = "grpc";
/// The value of `rpc.method` for such a method.
const OTHER: &str = "_OTHER";
/// The longest status message that is kept, in bytes.
const MAX_MESSAGE: usize = 1024;

/// What the span of a call begins with.
pub(crate) struct Beginning<'a> {
    /// `None` as long as nothing has proved that there is such a method.
    pub(crate) method: Option<&'a Method>,
    pub(crate) request_id: &'a RequestId,
    pub(crate) peer: Option<&'a Peer>,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) at: SystemTime,
}

/// Starts the span of a sampled call, which becomes the one that `trace` names.
///
/// `None` when the tracer records nothing, as one whose provider was shut down.
pub(crate) fn start(
    tracer: &BoxedTracer,
    trace: &mut TraceContext,
    beginning: &Beginning<'_>,
) -> Option<Context> {
    let name = beginning.method.map_or(Cow::Borrowed(UNKNOWN), |method| full_name(method).into());
    let builder = SpanBuilder::from_name(name)
        .with_kind(SpanKind::Server)
        .with_start_time(beginning.at)
        .with_attributes(beginning.attributes());
    let parent = trace.parent_context();
    let span = preset::with(trace.trace_id(), trace.span_id(), || {
        tracer.build_with_context(builder, &parent)
    });
    if !span.is_recording() {
        return None;
    }
    trace.adopt(span.span_context());
    Some(parent.with_span(span))
}

impl Beginning<'_> {
    fn attributes(&self) -> Vec<KeyValue> {
        // With room for those of the end.
        let mut attributes = Vec::with_capacity(24);
        attributes.push(KeyValue::new("rpc.system.name", "grpc"));
        let method = self.method.map(|method| KeyValue::new("rpc.method", full_name(method)));
        attributes.extend(method);
        attributes.push(KeyValue::new("request_id", self.request_id.as_str().to_owned()));
        if let Some(peer) = self.peer {
            push_peer(&mut attributes, peer);
        }
        if let Some(authority) = self.uri.authority() {
            attributes.push(KeyValue::new("server.address", excerpt(authority.host())));
            attributes.extend(authority.port_u16().map(|port| port_of("server.port", port)));
        }
        if let Some(agent) = self.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
            attributes.push(KeyValue::new("user_agent.original", excerpt(agent)));
        }
        attributes
    }
}

fn push_peer(attributes: &mut Vec<KeyValue>, peer: &Peer) {
    match peer.address() {
        Some(address) => {
            let ip = address.ip().to_canonical().to_string();
            attributes.push(KeyValue::new("client.address", ip.clone()));
            attributes.push(port_of("client.port", address.port()));
            attributes.push(KeyValue::new("network.peer.address", ip));
            attributes.push(port_of("network.peer.port", address.port()));
            attributes.push(KeyValue::new("network.transport", "tcp"));
            attributes.push(KeyValue::new("network.type", ip_version(address)));
        }
        None => {
            attributes.push(KeyValue::new("network.peer.address", peer.as_str().to_owned()));
            attributes.push(KeyValue::new("network.transport", "unix"));
        }
    }
    attributes.extend(
        peer.proved_identity().map(|identity| KeyValue::new("peer.identity", excerpt(identity))),
    );
}

fn ip_version(address: SocketAddr) -> &'static str {
    if address.ip().to_canonical().is_ipv4() { "ipv4" } else { "ipv6" }
}

/// What is known of a call's method at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// What was known at the start: the method, or that there is none of this name.
    SinceStart,
    /// It was not known at the start, and has proved to exist.
    ByNow,
    /// It was not known at the start, and has not proved to exist.
    Never,
}

/// Ends the span of a call, if it has one, as the call did.
pub(crate) fn end(call: &Call, method: Known, outcome: &Outcome) {
    let span = call.otel().span();
    if !span.is_recording() {
        return;
    }
    set_method(&span, call, method);
    set_traffic(&span, call);
    set_status(&span, outcome);
    if let Some(policy) = call.rejected_by() {
        span.set_attribute(KeyValue::new("rejected_by", policy));
    }
    // By the clock that the duration is measured with: the wall clock may have been set meanwhile.
    let end = call.started_at().checked_add(outcome.duration());
    span.end_with_timestamp(end.unwrap_or_else(SystemTime::now));
}

fn set_method(span: &SpanRef<'_>, call: &Call, method: Known) {
    match method {
        Known::SinceStart if !call.method().is_unknown() => {}
        Known::ByNow => {
            span.update_name(full_name(call.method()));
            span.set_attribute(KeyValue::new("rpc.method", full_name(call.method())));
        }
        Known::SinceStart | Known::Never => {
            let path = call.path();
            let original = excerpt(path.strip_prefix('/').unwrap_or(path));
            span.set_attribute(KeyValue::new("rpc.method", OTHER));
            span.set_attribute(KeyValue::new("rpc.method_original", original));
        }
    }
}

fn set_traffic(span: &SpanRef<'_>, call: &Call) {
    let count = |key, count| KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX));
    span.set_attributes([
        count("grpc.recv_msgs", call.messages(Direction::Received)),
        count("grpc.sent_msgs", call.messages(Direction::Sent)),
        count("grpc.recv_bytes", call.bytes(Direction::Received)),
        count("grpc.sent_bytes", call.bytes(Direction::Sent)),
    ]);
}

fn set_status(span: &SpanRef<'_>, outcome: &Outcome) {
    let code = canonical_name(outcome.code());
    span.set_attribute(KeyValue::new("rpc.response.status_code", code));
    if is_the_servers_fault(outcome.code()) {
        span.set_attribute(KeyValue::new("error.type", code));
        let message = outcome.message().unwrap_or_default();
        let message = without_effects(cut(&message, MAX_MESSAGE)).into_owned();
        span.set_status(Status::error(message));
    }
}

/// Whether a server's span has failed (semantic conventions for gRPC, "Server"): other codes tell a caller of its own
/// mistakes, and are as good as OK.
fn is_the_servers_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// `package.Service/Method`.
fn full_name(method: &Method) -> String {
    format!("{}/{}", method.service(), method.name())
}

/// What a caller controls, cut and made visible.
fn excerpt(text: &str) -> String {
    Excerpt(text).to_string()
}

fn port_of(key: &'static str, port: u16) -> KeyValue {
    KeyValue::new(key, i64::from(port))
}
