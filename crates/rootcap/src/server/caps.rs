//! How many connections there may be, and which one is one too many.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use rootcap_layers::Peer;

/// The most places beyond the cap on which health is answered.
const MOST_FOR_HEALTH: usize = 8;

/// The most connections at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    pub(crate) connections: usize,
    /// For each address of a peer.
    pub(crate) per_peer: Option<usize>,
}

impl Caps {
    /// How many more are let in for health, so that callers who hold all places get nobody killed for a probe that
    /// fails: a quarter as many, if that is not too many.
    fn for_health(self) -> usize {
        (self.connections / 4).min(MOST_FOR_HEALTH)
    }
}

/// What a connection is let in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Any,
    Health,
}

/// Why a connection is closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    MaxConnections,
    MaxPerPeer,
    OpenFiles,
}

impl Refusal {
    /// The value of the label `reason`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Refusal::MaxConnections => "max_connections",
            Refusal::MaxPerPeer => "max_per_peer",
            Refusal::OpenFiles => "open_files",
        }
    }
}

/// How many connections are open, and of whom.
#[derive(Debug, Default)]
pub(crate) struct Count {
    any: usize,
    health: usize,
    /// Of addresses that have a connection, and only where it matters.
    by_network: HashMap<IpAddr, usize>,
}

impl Count {
    /// Counts one more, if there may be one.
    pub(crate) fn take(&mut self, peer: &Peer, caps: Caps) -> Result<Taken, Refusal> {
        let limited = caps.per_peer.and_then(|max| Some((network(peer)?, max)));
        if limited.is_some_and(|(network, max)| self.of(network) >= max) {
            return Err(Refusal::MaxPerPeer);
        }
        let place = match self {
            Self { any, .. } if *any < caps.connections => Place::Any,
            Self { health, .. } if *health < caps.for_health() => Place::Health,
            _ => return Err(Refusal::MaxConnections),
        };
        *self.at(place) += 1;
        let network = limited.map(|(network, _)| network);
        network.into_iter().for_each(|network| *self.by_network.entry(network).or_default() += 1);
        Ok(Taken { place, network })
    }

    /// Counts one less.
    pub(crate) fn give_back(&mut self, taken: Taken) {
        *self.at(taken.place) -= 1;
        let Some(network) = taken.network else { return };
        match self.of(network) {
            0 | 1 => drop(self.by_network.remove(&network)),
            more => drop(self.by_network.insert(network, more - 1)),
        }
    }

    fn at(&mut self, place: Place) -> &mut usize {
        match place {
            Place::Any => &mut self.any,
            Place::Health => &mut self.health,
        }
    }

    fn of(&self, network: IpAddr) -> usize {
        self.by_network.get(&network).copied().unwrap_or_default()
    }
}

/// What a connection was counted as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) place: Place,
    network: Option<IpAddr>,
}

/// What counts as one peer: an address of IPv4, or a /64 of IPv6, of which one machine has all addresses. Whoever comes
/// by a Unix socket is on this host and counts as nobody.
fn network(peer: &Peer) -> Option<IpAddr> {
    Some(match peer.address()?.ip() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::new(address.parse().expect("an address"))
    }

    fn caps(connections: usize, per_peer: Option<usize>) -> Caps {
        Caps { connections, per_peer }
    }

    #[test]
    fn beyond_the_cap_a_few_are_let_in_for_health() {
        for (connections, health) in [(1, 0), (3, 0), (4, 1), (32, 8), (10_000, 8)] {
            let mut count = Count::default();
            let mut take = || count.take(&Peer::local("unix"), caps(connections, None));
            for _ in 0..connections {
                assert_eq!(take().map(|taken| taken.place), Ok(Place::Any));
            }
            for _ in 0..health {
                assert_eq!(take().map(|taken| taken.place), Ok(Place::Health));
            }
            assert_eq!(take().map(|taken| taken.place), Err(Refusal::MaxConnections));
        }
    }

    #[test]
    fn a_place_of_health_is_none_for_others() {
        let (mut count, caps) = (Count::default(), caps(4, None));
        let take = |count: &mut Count| count.take(&Peer::local("unix"), caps);
        let first = take(&mut count).expect("there is room");
        (0..3).for_each(|_| assert!(take(&mut count).is_ok()));
        let health = take(&mut count).expect("there is room for health");
        count.give_back(first);
        assert_eq!(take(&mut count).map(|taken| taken.place), Ok(Place::Any));
        count.give_back(health);
        assert_eq!(take(&mut count).map(|taken| taken.place), Ok(Place::Health));
    }

    #[test]
    fn a_peer_is_an_address_of_ipv4_or_a_64_of_ipv6() {
        let (mut count, caps) = (Count::default(), caps(100, Some(1)));
        let mut take = |address: &str| count.take(&peer(address), caps).map(|taken| taken.place);
        for (first, same, other) in [
            ("192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"),
            ("[2001:db8::1]:1", "[2001:db8::ffff:2]:1", "[2001:db8:0:1::1]:1"),
        ] {
            assert_eq!(take(first), Ok(Place::Any));
            assert_eq!(take(same), Err(Refusal::MaxPerPeer));
            assert_eq!(take(other), Ok(Place::Any));
        }
        for _ in 0..3 {
            assert!(count.take(&Peer::local("unix"), caps).is_ok());
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_given_back_whole(
            max in 1_usize..8,
            per_peer in proptest::option::of(1_usize..4),
            steps in proptest::collection::vec((any::<bool>(), 0_u8..4), 0..100),
        ) {
            let (mut count, mut open) = (Count::default(), Vec::new());
            for (opens, last) in steps {
                if opens {
                    let peer = peer(&format!("192.0.2.{last}:1"));
                    open.extend(count.take(&peer, caps(max, per_peer)));
                } else if let Some(taken) = open.pop() {
                    count.give_back(taken);
                }
                prop_assert_eq!(count.any + count.health, open.len());
                prop_assert!(count.any <= max && count.health <= max / 4);
                prop_assert!(count.by_network.len() <= open.len());
                let most = count.by_network.values().max().copied().unwrap_or_default();
                prop_assert!(per_peer.is_none_or(|max| most <= max));
            }
            open.into_iter().for_each(|taken| count.give_back(taken));
            prop_assert!(count.any == 0 && count.health == 0 && count.by_network.is_empty());
        }
    }
}
