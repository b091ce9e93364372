//! Rules of limits, and who a caller is behind proxies. The first line is a rule's match, the path of a call, what is
//! counted by, the address of a socket, and ranges of proxies; then come the headers.

#![no_main]

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use rootcap_fuzz::Head;
use rootcap_layers::admission::{
    Arrival, Caller, Cidr, Index, Malformed, Match, Mode, Per, TrustedProxies, forwarded_for,
};
use std::{
    fmt::{Debug, Display},
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

fuzz_target!(|data: &[u8]| {
    let head = Head::read(data);
    let first = String::from_utf8_lossy(head.first);
    let mut words = first.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (rule, path) = (word(), word());
    if let Some(rule) = read::<Match>(rule) {
        matching(&rule, path);
    }
    if let Some(per) = read::<Per>(word()) {
        let arrival = Arrival { call: None, path, headers: &head.headers };
        let caller = per.caller(&arrival, &TrustedProxies::default());
        assert!(caller == Caller::Unknown || matches!(per, Per::Metadata(_)));
        assert!(caller.to_string().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }
    let socket = word();
    let ranges: Vec<_> = words.filter_map(read::<Cidr>).collect();
    if let Ok(socket) = socket.parse() {
        forwarded(socket, &head.headers, &ranges);
    }
    read::<Mode>(&first);
});

/// What is read is written, and read again as the same; what is not accepted is told in visible words.
fn read<T: FromStr<Err = Malformed> + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(value.to_string().parse(), Ok(value));
            text.parse().ok()
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            assert!(said.ends_with(&format!("; accepted: {}", error.accepted())));
            None
        }
    }
}

fn matching(rule: &Match, path: &str) {
    let written = rule.to_string();
    let plain = match (&*written, written.strip_suffix('*')) {
        ("*", _) => true,
        (_, Some(service)) => {
            path.strip_prefix(service).is_some_and(|method| !method.contains('/'))
        }
        (method, None) => path == method,
    };
    assert_eq!(rule.matches(path), plain, "{rule} {path}");
    let headers = HeaderMap::new();
    let arrival = Arrival { call: None, path, headers: &headers };
    assert_eq!(Index::new(&[rule]).of(&arrival).is_empty(), !plain, "{rule} {path}");
}

/// The list as one, from its end.
fn forwarded(socket: IpAddr, headers: &HeaderMap, ranges: &[Cidr]) {
    let trusted = |address: &IpAddr| ranges.iter().any(|range| range.contains(*address));
    let lists = headers.get_all("x-forwarded-for").iter().map(|value| value.as_bytes());
    let list = lists.collect::<Vec<_>>().join(&b","[..]);
    let list = String::from_utf8_lossy(&list);
    // A header that is not there has no hops, and an empty one has one that is no address.
    let mut hops: Vec<_> =
        list.split(',').map(|hop| address(hop.trim_matches([' ', '\t']))).collect();
    let mut expected = socket;
    while trusted(&expected) {
        match hops.pop().flatten() {
            Some(hop) => expected = hop,
            None => break,
        }
    }
    let proxies = ranges.iter().copied().collect();
    assert_eq!(forwarded_for(socket, headers, &proxies), expected);
}

fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().filter(IpAddr::is_ipv6),
        None => hop.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip())),
    }
}
