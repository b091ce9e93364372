//! Who moves most bytes: the connections of a peer together.

use std::collections::HashMap;

use serde::Serialize;

use crate::admin::brief::size;
use crate::admin::page::Cell;
use crate::admin::process::ConnectionRow;

/// How many are shown.
const SHOWN: usize = 10;

/// A peer that moves bytes.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Talker {
    /// The identity that it has proved, or else its host.
    pub(super) peer: String,
    pub(super) connections: usize,
    pub(super) bytes_in_per_second: u64,
    pub(super) bytes_out_per_second: u64,
}

impl Talker {
    fn bytes(&self) -> u64 {
        self.bytes_in_per_second.saturating_add(self.bytes_out_per_second)
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::Key(self.peer.clone()),
            Cell::Number(self.connections as u64),
            Cell::Short(size(self.bytes_in_per_second)),
            Cell::Short(size(self.bytes_out_per_second)),
        ]
    }
}

/// Those that move most, the one that moves most first; who is silent is none.
pub(super) fn top(rows: &[ConnectionRow]) -> Vec<Talker> {
    let mut talkers: HashMap<&str, Talker> = HashMap::new();
    for row in rows {
        let peer = row.name.as_deref().unwrap_or_else(|| host(&row.addr));
        let talker = talkers.entry(peer).or_insert_with(|| Talker {
            peer: peer.to_owned(),
            connections: 0,
            bytes_in_per_second: 0,
            bytes_out_per_second: 0,
        });
        talker.connections += 1;
        talker.bytes_in_per_second += row.bytes_in_per_second;
        talker.bytes_out_per_second += row.bytes_out_per_second;
    }
    let mut talkers: Vec<_> = talkers.into_values().filter(|talker| talker.bytes() > 0).collect();
    talkers.sort_by(|a, b| b.bytes().cmp(&a.bytes()).then_with(|| a.peer.cmp(&b.peer)));
    talkers.truncate(SHOWN);
    talkers
}

/// An address without its port; whatever is none stays as it is.
fn host(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(addr: &str, name: Option<&str>, bytes: u64) -> ConnectionRow {
        ConnectionRow {
            addr: addr.to_owned(),
            name: name.map(str::to_owned),
            health_only: false,
            session: Duration::ZERO,
            open_streams: 0,
            total_streams: 0,
            bytes_in: 0,
            bytes_out: 0,
            bytes_in_per_second: bytes,
            bytes_out_per_second: 1,
            bytes_unsent: 0,
            rtt: None,
            retransmits: None,
            pings: 0,
            excess_pings: 0,
            idle: Duration::ZERO,
        }
    }

    #[test]
    fn the_connections_of_a_peer_count_together() {
        let rows = [
            row("10.0.0.1:1", None, 40),
            row("[2001:db8::1]:1", None, 60),
            row("10.0.0.1:2", None, 40),
            row("10.0.0.1:3", Some("spiffe://a/b"), 70),
            row("10.0.0.2:3", Some("spiffe://a/b"), 70),
            row("unix:pid=7", None, 5),
        ];
        let top = top(&rows);
        let top: Vec<_> =
            top.iter().map(|it| (&*it.peer, it.connections, it.bytes_in_per_second)).collect();
        let expected = [
            ("spiffe://a/b", 2, 140),
            ("10.0.0.1", 2, 80),
            ("[2001:db8::1]", 1, 60),
            ("unix:pid=7", 1, 5),
        ];
        assert_eq!(top, expected);
    }

    #[test]
    fn the_greatest_are_shown() {
        let rows: Vec<_> =
            (0..100).map(|host| row(&format!("10.0.0.{host}:1"), None, host)).collect();
        let top = top(&rows);
        assert_eq!((top.len(), &*top[0].peer, &*top[9].peer), (SHOWN, "10.0.0.99", "10.0.0.90"));
    }
}
