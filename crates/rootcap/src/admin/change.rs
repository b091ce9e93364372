//! The log of changes: the router writes it, so no handler can forget to.

use axum::response::Response;
use http::Method;
use rootcap_layers::Peer;

/// What a handler changed; it puts this into the extensions of its response.
#[derive(Debug, Clone)]
#[cfg_attr(not(test), allow(dead_code, reason = "no route changes anything yet"))]
pub(super) struct Change {
    /// The name of what changed, such as a setting's key.
    pub(super) what: &'static str,
    /// Its value before.
    pub(super) old: String,
    /// Its value now.
    pub(super) new: String,
}

/// Logs a request that may have changed something: who asked, the old value and the new.
pub(super) fn log(peer: Option<&Peer>, method: &Method, path: &str, response: &Response) {
    if method.is_safe() {
        return;
    }
    let identity = peer.and_then(Peer::proved_identity);
    let address = peer.map(Peer::as_str).unwrap_or_default();
    let status = response.status().as_u16();
    match response.extensions().get::<Change>() {
        Some(Change { what, old, new }) => tracing::info!(
            peer.address = address, peer.identity = identity, %method, path, status, what, old, new,
            "changed through the admin port"
        ),
        None => tracing::info!(
            peer.address = address, peer.identity = identity, %method, path, status,
            "asked for a change through the admin port"
        ),
    }
}
