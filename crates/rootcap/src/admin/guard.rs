//! The guard: who may see which page. The router applies it from the route's row.
//!
//! - A public row is for everyone.
//! - All else needs the token when one is configured.
//! - Without one, only loopback peers are trusted, and only if the request names a loopback host
//!   (another name means that a web page made a browser resolve it to this machine) and carries no
//!   header of a proxy (a proxy on this host makes every peer look local).
//! - A guarded page is never given to another site's web page.
//!
//! TLS changes none of this: a client certificate, where `admin.tls.client_ca` asks for one, decides who
//! may connect at all, and stands for no token.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};

use super::change;
use super::text::plain_response;
use super::token::Token;

/// Who may see a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone who can reach the port.
    Public,
    /// Who has the token; without a configured token, local peers.
    Guarded,
}

/// The other end of the connection that a request came on; the server puts it into the request.
#[derive(Debug, Clone)]
pub(super) struct Peer(pub(super) Arc<rootcap_layers::Peer>);

/// What decides on every guarded route.
#[derive(Debug)]
pub(super) struct Guard {
    token: Option<Token>,
}

impl Guard {
    pub(super) fn new(token: Option<Token>) -> Self {
        Self { token }
    }

    /// Whether a request for a guarded route may pass.
    pub(super) fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        if headers.get_all("sec-fetch-site").iter().any(|site| site == "cross-site") {
            return Err(Refusal::CrossSite);
        }
        match &self.token {
            Some(token) if token.is_in(headers) => Ok(()),
            Some(_) => Err(Refusal::NoToken),
            None => check_local(uri, headers, peer),
        }
    }
}

/// The rules for a port without a token.
fn check_local(uri: &Uri, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<(), Refusal> {
    // `to_canonical` finds the IPv4 address that a dual-stack socket shows as `::ffff:127.0.0.1`.
    if !peer.is_some_and(|address| address.to_canonical().is_loopback()) {
        return Err(Refusal::RemotePeer);
    }
    if let Some(name) = headers.keys().find(|name| is_of_a_proxy(name)) {
        return Err(Refusal::Forwarded(name.clone()));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Refusal::Host) };
    // A request target may name a host of its own, and then that one counts.
    let target_is_local = uri.authority().is_none_or(|target| is_local_host(target.as_str()));
    let host_is_local = host.to_str().is_ok_and(is_local_host);
    if host_is_local && target_is_local { Ok(()) } else { Err(Refusal::Host) }
}

fn is_of_a_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name, "forwarded" | "x-real-ip" | "via") || name.starts_with("x-forwarded-")
}

/// Whether `host`, with or without a port, names this machine's loopback interface.
fn is_local_host(host: &str) -> bool {
    // The brackets of an IPv6 address tell its colons from the port's.
    let (name, port) = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => (&host[..colon], &host[colon + 1..]),
        _ => (host, ""),
    };
    let is_local = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok_and(|v6| v6.to_canonical().is_loopback()),
        None if name.eq_ignore_ascii_case("localhost") => true,
        None => name.parse::<Ipv4Addr>().is_ok_and(|v4| v4.is_loopback()),
    };
    is_local && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another site's web page asked.
    CrossSite,
    /// A token is configured and the request does not carry it.
    NoToken,
    /// No token is configured and the peer is not local.
    RemotePeer,
    /// No token is configured and a proxy passed the request on.
    Forwarded(HeaderName),
    /// No token is configured and the request does not name a loopback host.
    Host,
}

const SET_A_TOKEN: &str = "set admin.token_file and send its token";

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrossSite => f.write_str(
                "refused: another site asked for this page; open it from the address bar instead",
            ),
            Self::NoToken => f.write_str(
                "refused: this page needs the token of admin.token_file, as a bearer token or as \
                 the password of Basic",
            ),
            Self::RemotePeer => write!(
                f,
                "refused: without a token only peers on this host may see this page; to see it \
                 from elsewhere, {SET_A_TOKEN}"
            ),
            Self::Forwarded(name) => write!(
                f,
                "refused: the header {name} says that a proxy passed this on, so who asks is \
                 unknown; behind a proxy, {SET_A_TOKEN}"
            ),
            Self::Host => write!(
                f,
                "refused: without a token the Host must be localhost or a loopback address; to \
                 use another name, {SET_A_TOKEN}"
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = format!("{self}\n");
        if self != Self::NoToken {
            return plain_response(StatusCode::FORBIDDEN, text);
        }
        let mut response = plain_response(StatusCode::UNAUTHORIZED, text);
        for challenge in ["Basic realm=\"rootcap\", charset=\"UTF-8\"", "Bearer realm=\"rootcap\""]
        {
            let value = HeaderValue::from_static(challenge);
            response.headers_mut().append(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// The guard in front of one row, and the log of the changes behind it.
pub(super) async fn apply(
    State((guard, access)): State<(Arc<Guard>, Access)>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| Arc::clone(&peer.0));
    if access == Access::Guarded {
        let address = peer.as_ref().and_then(|peer| peer.address()).map(|address| address.ip());
        if let Err(refusal) = guard.check(request.uri(), request.headers(), address) {
            return refusal.into_response();
        }
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    change::log(peer.as_deref(), &method, &path, &response);
    response
}
