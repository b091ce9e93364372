//! The log of changes: the router writes it, so no handler can forget to.

use std::time::Duration;

use axum::response::Response;
use http::Method;
use rootcap_layers::Peer;

use super::go_duration::go_duration;
use super::text::Problem;
use crate::telemetry::logs::CHANGES;

/// What a handler changed; it puts this into the extensions of its response.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The name of what changed, such as a setting's key.
    pub(super) what: &'static str,
    /// Its value before.
    pub(super) old: String,
    /// Its value now.
    pub(super) new: String,
    /// How long it stays so; `None` for a change that does not end by itself.
    pub(super) lasts: Option<Duration>,
}

/// Logs a request that may have changed something: who asked, the old value and the new. No filter stops these lines.
pub(super) fn log(peer: Option<&Peer>, method: &Method, path: &str, response: &Response) {
    if method.is_safe() {
        return;
    }
    let identity = peer.and_then(Peer::proved_identity);
    let address = peer.map(Peer::as_str).unwrap_or_default();
    let status = response.status().as_u16();
    match response.extensions().get::<Change>() {
        Some(Change { what, old, new, lasts }) => tracing::info!(
            target: CHANGES, method = %method, path, status, peer.address = address,
            peer.identity = identity, what, old, new,
            lasts = lasts.map(go_duration),
            "changed through the admin port"
        ),
        None => tracing::info!(
            target: CHANGES, method = %method, path, status, peer.address = address,
            peer.identity = identity, problem = response.extensions().get::<Problem>().map(Problem::first_line),
            "asked for a change through the admin port"
        ),
    }
}
