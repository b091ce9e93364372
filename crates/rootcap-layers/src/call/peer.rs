//! The other end of a connection.

use std::{net::SocketAddr, sync::OnceLock};

use http::HeaderValue;

use crate::{access_log::Fragment, admission::Caller, excerpt};

/// The other end of a connection: one per connection, shared by its calls.
///
/// ```
/// use rootcap_layers::Peer;
///
/// let peer = Peer::new(([127, 0, 0, 1], 50_000).into()).identity("spiffe://example.org/web");
/// assert_eq!(peer.as_str(), "127.0.0.1:50000");
/// assert_eq!(peer.proved_identity(), Some("spiffe://example.org/web"));
/// assert_eq!(Peer::local("unix").address(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Peer {
    address: Option<SocketAddr>,
    caller: Caller<'static>,
    text: Box<str>,
    identity: Option<Box<str>>,
    fragment: Fragment,
    /// In a box: most connections have no call at a time, and many never one.
    agent: OnceLock<Box<Agent>>,
}

/// The user agent of the first call of a connection, which is nearly always that of all others.
#[derive(Debug, Clone)]
struct Agent {
    sent: Box<[u8]>,
    fragment: Fragment,
}

impl Peer {
    /// A peer at an internet address.
    pub fn new(address: SocketAddr) -> Self {
        Self::named(Some(address), address.to_string().into())
    }

    /// A peer on a Unix socket; `name` is what logs show as its address.
    pub fn local(name: impl Into<Box<str>>) -> Self {
        Self::named(None, name.into())
    }

    fn named(address: Option<SocketAddr>, text: Box<str>) -> Self {
        let (fragment, agent) = Default::default();
        let caller = address.map_or(Caller::Unknown, |address| Caller::at(address.ip()));
        Self { address, caller, text, identity: None, fragment, agent }
    }

    /// The same peer, with the identity that it has proved, by a certificate for example: never one that it merely
    /// claims.
    #[must_use]
    pub fn identity(mut self, identity: impl Into<Box<str>>) -> Self {
        self.identity = Some(identity.into());
        self.fragment = Fragment::default();
        self
    }

    /// The socket's address; `None` on a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whom limits take it for, as the other end of its own calls.
    #[inline]
    pub(crate) fn caller(&self) -> Caller<'static> {
        self.caller
    }

    /// The address as logs show it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The identity that the peer has proved, if it has: under Rootcap's server the name in a client certificate that
    /// the handshake has verified. That is its SPIFFE ID, else its first DNS name, in lower case, else its common name;
    /// never a part of one.
    ///
    /// A common name is whatever the authority has let pass. Who decides by names trusts an authority to check them.
    pub fn proved_identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Address and identity as the access log writes them.
    pub(crate) fn fragment(&self) -> &Fragment {
        &self.fragment
    }

    /// The user agent of a call as the access log writes it; `None` if it is to be rendered for this call alone, as it is
    /// long, or not that of the first one.
    pub(crate) fn agent(&self, sent: &HeaderValue) -> Option<&Fragment> {
        if sent.len() > excerpt::MAX_LEN {
            return None;
        }
        let first =
            || Box::new(Agent { sent: sent.as_bytes().into(), fragment: Fragment::default() });
        let agent = self.agent.get_or_init(first);
        (*agent.sent == *sent.as_bytes()).then_some(&agent.fragment)
    }
}
