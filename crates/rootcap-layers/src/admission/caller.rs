//! [`Caller`]: who makes a call, as a rule tells callers apart.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Arrival, Per, TrustedProxies};
use crate::{call::Peer, excerpt::Excerpt};

/// Who makes a call, as a rule tells callers apart: borrowed from the call, so that telling costs no allocation.
///
/// A text may be as long as a caller likes. What is kept of callers is kept by a hash of theirs, with a random key: then
/// no caller takes more room than another, or aims at another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller<'a> {
    /// Nobody knows: all those are one caller.
    Unknown,
    /// An address of IPv4.
    V4(Ipv4Addr),
    /// The first half of an address of IPv6, all of which one host may have.
    V6(u64),
    /// The value of a metadata key, or a proved identity.
    Text(&'a [u8]),
}

impl Per {
    /// Who makes the call, as this tells callers apart. A call without what it tells them apart by (a key, an identity,
    /// an address) is [`Caller::Unknown`]'s, as all are if it does not.
    #[inline]
    pub fn caller<'a>(&self, arrival: &Arrival<'a>, proxies: &TrustedProxies) -> Caller<'a> {
        let peer = || arrival.call.and_then(|call| call.peer()).map(|peer| &**peer);
        match self {
            Self::All => Caller::Unknown,
            Self::Peer => by_address(peer(), arrival.headers, proxies),
            Self::Metadata(key) => first(arrival.headers, key)
                .map_or(Caller::Unknown, |it| Caller::Text(it.as_bytes())),
            Self::TlsIdentity => {
                let identity = peer().and_then(Peer::proved_identity);
                identity.map_or(Caller::Unknown, |it| Caller::Text(it.as_bytes()))
            }
        }
    }
}

/// The first value of a key: among few, to compare the name of each costs less than to hash the one that is looked for.
#[inline]
fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    const FEW: usize = 16;
    if headers.len() > FEW {
        return headers.get(name);
    }
    headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
}

#[inline]
fn by_address<'a>(
    peer: Option<&Peer>,
    headers: &HeaderMap,
    proxies: &TrustedProxies,
) -> Caller<'a> {
    let Some(peer) = peer else { return Caller::Unknown };
    match peer.address() {
        Some(socket) if !proxies.is_empty() => {
            Caller::at(forwarded_for(socket.ip(), headers, proxies))
        }
        _ => peer.caller(),
    }
}

impl Caller<'_> {
    /// Whoever calls from this address.
    pub(crate) fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((u128::from(address) >> 64) as u64),
        }
    }
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the caller whose connection `socket` is the other end of.
///
/// Each proxy adds the address that it was called from to the end of `x-forwarded-for`. So the list is read from its end
/// for as long as the word of a trusted proxy is taken: to the first address that is none, or to what is no address, where
/// the one that said so stands for it. All before that is whatever the caller has written.
///
/// ```
/// use http::HeaderMap;
/// use rootcap_layers::admission::forwarded_for;
///
/// let proxies = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "192.0.2.66, 203.0.113.7, 10.1.1.1".parse().unwrap());
/// let address = forwarded_for("10.2.2.2".parse().unwrap(), &headers, &proxies);
/// assert_eq!(address.to_string(), "203.0.113.7");
/// ```
#[inline]
pub fn forwarded_for(socket: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
    let mut address = socket;
    if !proxies.contains(address) {
        return address;
    }
    let lists = headers.get_all(&X_FORWARDED_FOR).iter().rev();
    let hops = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops.map(parse_hop) {
        match hop {
            Some(hop) => address = hop,
            None => break,
        }
        if !proxies.contains(address) {
            break;
        }
    }
    address
}

/// An address, of IPv6 perhaps in brackets, with a port or without.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let with_port = || SocketAddr::from_str(hop).ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(|| in_brackets().map(IpAddr::from))
}

/// As pages and logs show it: cut, and escaped.
impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::V4(address) => address.fmt(f),
            Self::V6(half) => write!(f, "{}/64", Ipv6Addr::from(u128::from(*half) << 64)),
            Self::Text(text) => Excerpt(&String::from_utf8_lossy(text)).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
