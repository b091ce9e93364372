//! What `/debug/calls` shows.

use rootcap_layers::{Call, Direction, Phase, excerpt::Excerpt};

use crate::{
    admin::{CallOrder, CallQuery, CallRow, CallRows, Cancelled},
    metrics,
    server::{connections::Connections, open_calls::CallId},
};

/// A call that was asked for.
struct Found {
    id: CallId,
    call: Call,
    phase: Phase,
}

/// What comes first is less.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Text(String),
}

pub(super) fn rows(connections: &Connections, query: &CallQuery) -> CallRows {
    let mut rows = CallRows::default();
    let mut found = Vec::new();
    connections.each_call(|id, call| {
        let Some(phase) = call.phase() else { return };
        rows.in_flight += 1;
        *rows.by_phase.entry(phase.as_str()).or_default() += 1;
        if is_asked_for(call, phase, query) {
            found.push(Found { id, call: call.clone(), phase });
        }
    });
    rows.matching = found.len();
    // Asked once for each: what calls are sorted by changes meanwhile.
    found.sort_by_cached_key(|Found { id, call, .. }| (key(call, query.sort), call.started(), *id));
    found.truncate(query.limit);
    rows.calls = found.iter().map(row).collect();
    rows
}

/// Asks a call to end.
pub(super) fn cancel(connections: &Connections, id: &str) -> Option<Cancelled> {
    let call = connections.find_call(id.parse().ok()?).filter(|call| call.phase().is_some())?;
    call.cancel();
    metrics::calls_cancelled_total().increment(1);
    Some(Cancelled {
        method: Excerpt(call.path()).to_string(),
        peer: peer(&call),
        request_id: call.request_id().as_str().to_owned(),
    })
}

fn is_asked_for(call: &Call, phase: Phase, query: &CallQuery) -> bool {
    let of_peer = |part: &String| {
        let peer = call.peer();
        let names = peer.into_iter().flat_map(|peer| [Some(peer.as_str()), peer.proved_identity()]);
        names.flatten().any(|name| name.contains(part))
    };
    query.phase.is_none_or(|asked| asked == phase)
        && query.method.as_ref().is_none_or(|part| call.path().contains(part))
        && query.peer.as_ref().is_none_or(of_peer)
}

fn key(call: &Call, order: CallOrder) -> Key {
    // The most comes first.
    let most = |number: u64| Key::Number(u64::MAX - number);
    match order {
        CallOrder::Age => Key::Number(0),
        CallOrder::Left => Key::Number(
            call.remaining()
                .map_or(u64::MAX, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)),
        ),
        CallOrder::Method => Key::Text(call.path().to_owned()),
        CallOrder::Peer => Key::Text(peer(call)),
        CallOrder::Received => most(call.bytes(Direction::Received)),
        CallOrder::Sent => most(call.bytes(Direction::Sent)),
        CallOrder::Unsent => most(call.unsent().bytes()),
    }
}

fn row(Found { id, call, phase, .. }: &Found) -> CallRow {
    let times = call.phase_times();
    let spent = Phase::ALL.map(|phase| (phase.as_str(), times.of(phase).as_secs_f64()));
    CallRow {
        id: id.to_string(),
        method: Excerpt(call.path()).to_string(),
        phase: phase.as_str(),
        age: call.started().elapsed(),
        left: call.remaining(),
        peer: peer(call),
        identity: call.peer().and_then(|peer| peer.proved_identity()).map(str::to_owned),
        user_agent: call.user_agent().map(|agent| shown(agent.as_bytes())),
        received_messages: call.messages(Direction::Received),
        received_bytes: call.bytes(Direction::Received),
        sent_messages: call.messages(Direction::Sent),
        sent_bytes: call.bytes(Direction::Sent),
        unsent_bytes: call.unsent().bytes(),
        phase_seconds: spent.into_iter().filter(|(_, seconds)| *seconds > 0.0).collect(),
        request_id: call.request_id().as_str().to_owned(),
        trace_id: call.trace().trace_id().to_string(),
        metadata: metadata(call),
    }
}

fn metadata(call: &Call) -> Vec<(String, String)> {
    let listed = call.logged_metadata().iter();
    listed.map(|(name, value)| (name.to_string(), shown(value.as_bytes()))).collect()
}

fn peer(call: &Call) -> String {
    call.peer().map_or_else(String::new, |peer| peer.as_str().to_owned())
}

/// What a caller has sent, cut.
fn shown(bytes: &[u8]) -> String {
    Excerpt(&String::from_utf8_lossy(bytes)).to_string()
}
