//! Callers told apart, above all behind proxies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::{
    Call, MethodKind, Methods, Origin,
    call::{Head, RequestId, Start},
    trace::{Propagation, Sampler, TraceContext},
};

fn headers(values: &[(&'static str, &str)]) -> HeaderMap {
    let value = |(name, value): &(&'static str, &str)| {
        (http::HeaderName::from_static(name), value.parse().unwrap())
    };
    values.iter().map(value).collect()
}

fn call(peer: Option<Peer>, headers: &HeaderMap) -> Call {
    let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::User).build();
    let propagation = Propagation::new([]);
    Call::new(Start {
        method: methods.get("/a.B/C").unwrap(),
        path: "/a.B/C".parse().unwrap(),
        head: Head::read(headers),
        logged: None,
        request_id: RequestId::accept(headers),
        trace: TraceContext::accept(headers, &propagation, &Sampler::PARENT),
        otel: opentelemetry::Context::new(),
        propagation,
        span: None,
        peer: peer.map(Arc::new),
        started_at: SystemTime::now(),
    })
}

/// Whom a call of this peer, with this metadata, is of.
fn caller(per: &str, peer: Option<Peer>, metadata: &[(&'static str, &str)]) -> String {
    let headers = headers(metadata);
    let call = call(peer, &headers);
    let arrival = Arrival { call: Some(&call), path: "/a.B/C", headers: &headers };
    per.parse::<Per>().unwrap().caller(&arrival, &proxies(&["10.0.0.0/8"])).to_string()
}

fn proxies(ranges: &[&str]) -> TrustedProxies {
    ranges.iter().map(|range| range.parse().unwrap()).collect()
}

fn peer(address: &str) -> Option<Peer> {
    Some(Peer::new(SocketAddr::new(address.parse().unwrap(), 50_000)))
}

#[test]
fn an_address_of_ipv6_is_its_first_half() {
    assert_eq!(caller("peer", peer("192.0.2.1"), &[]), "192.0.2.1");
    assert_eq!(caller("peer", peer("::ffff:192.0.2.1"), &[]), "192.0.2.1");
    assert_eq!(caller("peer", peer("2001:db8:1:2:3:4:5:6"), &[]), "2001:db8:1:2::/64");
}

#[test]
fn metadata_is_told_as_it_came_in_and_shown_cut() {
    assert_eq!(caller("metadata:x-tenant", None, &[("x-tenant", "blue")]), "blue");
    assert_eq!(caller("metadata:x-tenant", None, &[("x-tenant", &"x".repeat(9_000))]).len(), 259);
}

#[test]
fn the_first_value_of_metadata_counts_among_few_and_among_many() {
    for others in [0, 15, 16, 100] {
        let mut headers = HeaderMap::new();
        for number in 0..others {
            let name = http::HeaderName::try_from(format!("x-other-{number}")).unwrap();
            headers.insert(name, HeaderValue::from_static("red"));
        }
        headers.append("x-tenant", HeaderValue::from_static("blue"));
        headers.append("x-tenant", HeaderValue::from_static("green"));
        let arrival = Arrival { call: None, path: "/a.B/C", headers: &headers };
        let of =
            |per: &str| per.parse::<Per>().unwrap().caller(&arrival, &proxies(&[])).to_string();
        assert_eq!(
            (&*of("metadata:x-tenant"), &*of("metadata:x-tenants")),
            ("blue", ""),
            "{others}"
        );
    }
}

#[test]
fn an_identity_is_one_that_was_proved() {
    let named = peer("192.0.2.1").map(|peer| peer.identity("spiffe://example.org/web"));
    assert_eq!(caller("tls-identity", named, &[]), "spiffe://example.org/web");
}

#[test]
fn callers_of_whom_nothing_is_known_are_one() {
    for per in ["all", "peer", "metadata:x-tenant", "tls-identity"] {
        assert_eq!(caller(per, Some(Peer::local("unix")), &[]), "", "{per}");
        assert_eq!(caller(per, None, &[]), "", "{per}");
        let arrival = Arrival { call: None, path: "/", headers: &HeaderMap::new() };
        let caller = per.parse::<Per>().unwrap().caller(&arrival, &TrustedProxies::default());
        assert_eq!(caller, Caller::Unknown, "{per}");
    }
}

#[test]
fn who_is_no_trusted_proxy_says_nothing() {
    let said = [("x-forwarded-for", "203.0.113.7")];
    assert_eq!(caller("peer", peer("192.0.2.1"), &said), "192.0.2.1");
    assert_eq!(caller("peer", peer("10.1.1.1"), &said), "203.0.113.7");
    assert_eq!(caller("peer", peer("::ffff:10.1.1.1"), &said), "203.0.113.7");
}

#[test]
fn the_list_is_read_from_its_end() {
    let table = [
        // What the caller wrote itself stands before what a proxy added.
        ("192.0.2.66, 203.0.113.7", "203.0.113.7"),
        ("192.0.2.66, 203.0.113.7,10.0.0.9 ,\t10.0.0.8", "203.0.113.7"),
        // Forms.
        ("203.0.113.7:1234", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:1234", "2001:db8::1"),
        // Within the network of the proxies.
        ("10.0.0.7, 10.0.0.8", "10.0.0.7"),
        // What is no address ends the list.
        ("203.0.113.7, unknown", "10.1.1.1"),
        ("203.0.113.7, unknown, 10.0.0.8", "10.0.0.8"),
        ("203.0.113.7,", "10.1.1.1"),
        ("", "10.1.1.1"),
        ("203.0.113.7\u{e9}", "10.1.1.1"),
        // What the caller wrote does not hide what the proxy added.
        ("\u{e9}, 203.0.113.7", "203.0.113.7"),
    ];
    for (list, expected) in table {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_bytes(list.as_bytes()).unwrap());
        let address =
            forwarded_for("10.1.1.1".parse().unwrap(), &headers, &proxies(&["10.0.0.0/8"]));
        assert_eq!(address.to_string(), expected, "{list:?}");
    }
}

#[test]
fn a_list_in_several_lines_is_one() {
    let lines = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-for", "10.0.0.9")];
    assert_eq!(caller("peer", peer("10.1.1.1"), &lines), "203.0.113.7");
}

proptest! {
    /// Whatever a caller writes before what the proxy adds: it is known by its own address.
    #[test]
    fn nobody_takes_the_address_of_another(written in "[ -~]{0,40}", address: [u8; 4]) {
        let address = IpAddr::from(address);
        let trusted = proxies(&["10.0.0.0/8"]);
        prop_assume!(!trusted.contains(address));
        let headers = headers(&[("x-forwarded-for", &written), ("x-forwarded-for", &address.to_string())]);
        prop_assert_eq!(forwarded_for("10.1.1.1".parse().unwrap(), &headers, &trusted), address);
    }
}
