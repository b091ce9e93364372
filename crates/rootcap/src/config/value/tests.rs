//! Every parser reads what its renderer writes, and refuses the rest without a panic.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Parses what is rendered, as TOML and as text.
fn round_trip<T: Value + PartialEq + Debug>(value: &T) {
    assert_eq!(T::from_toml(&value.to_toml()).as_ref(), Ok(value));
    assert_eq!(T::from_text(&bare(value)).as_ref(), Ok(value));
}

fn parse<T: Value>(text: &str) -> Option<T> {
    T::from_text(text).ok()
}

proptest! {
    #[test]
    fn durations_round_trip(seconds: u64, nanos in 0..1_000_000_000u32, unit in 0..4u32) {
        round_trip(&Duration::new(seconds, nanos - nanos % 1000u32.pow(unit)));
    }

    #[test]
    fn sizes_round_trip(bytes: u64, shift in 0..64u32) {
        round_trip(&Size::bytes(bytes >> shift));
        round_trip(&Size::bytes(bytes << shift));
    }

    #[test]
    fn rates_round_trip(count in 1..=u32::MAX, nanos in 0..=2 * Rate::MAX_PER.as_nanos() as u64) {
        let per = Duration::from_nanos(nanos);
        if let Some(rate) = Rate::new(NonZeroU32::new(count).unwrap(), per) {
            round_trip(&rate);
        }
    }

    #[test]
    fn addresses_round_trip(address: std::net::IpAddr, port: u16, path in "/[^\0]{1,40}") {
        round_trip(&Listener::Address((address, port).into()));
        round_trip(&Listener::Port(port));
        round_trip(&Listener::Unix(path.into()));
    }

    #[test]
    fn ratios_round_trip(ratio in 0.0..=1.0) {
        round_trip(&ratio);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        all_parse(&text);
    }

    #[test]
    fn no_text_that_is_nearly_right_makes_a_parser_panic(
        text in "[0-9]{0,40}(\\.|:|/|=|,|-|\\+|µ)?[0-9]{0,3}(h|m|s|ms|ns|KiB|MiB|TiB|/s|/h|:1)?",
    ) {
        all_parse(&text);
    }
}

/// Whatever is accepted is also rendered and read again.
fn all_parse(text: &str) {
    fn one<T: Value + PartialEq + Debug>(text: &str) {
        if let Ok(value) = T::from_text(text) {
            round_trip(&value);
        }
    }
    one::<Duration>(text);
    one::<Size>(text);
    one::<Rate>(text);
    one::<Listener>(text);
    one::<f64>(text);
    one::<u32>(text);
    one::<Option<NonZeroU32>>(text);
    one::<Auto<String>>(text);
    one::<LogCalls>(text);
    // A list and a table have no text that `bare` gives.
    let _ = Vec::<Rate>::from_text(text);
    let _ = std::collections::BTreeMap::<String, Size>::from_text(text);
}

#[test]
fn durations_are_whole_numbers_with_units_in_order() {
    assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
    assert_eq!(parse("2h"), Some(Duration::from_secs(7200)));
    assert_eq!(parse("0s"), Some(Duration::ZERO));
    let wrong = [
        "",
        "5",
        "s",
        "1.5s",
        "-1s",
        "+1s",
        "1s1s",
        "30s1m",
        "1S",
        "1 s",
        " 1s",
        "1s ",
        "1d",
        "1s5",
        "٣s",
        "99999999999999999999999999999999999999999h",
        "5124095576030431h1m",
    ];
    for text in wrong {
        assert_eq!(parse::<Duration>(text), None, "{text}");
    }
}

#[test]
fn sizes_have_binary_units_or_none() {
    assert_eq!(parse("4MiB"), Some(Size::mib(4)));
    assert_eq!(parse("512KiB"), Some(Size::kib(512)));
    assert_eq!(parse("100"), Some(Size::bytes(100)));
    assert_eq!(Size::kib(16).to_string(), "16KiB");
    assert_eq!(Size::bytes(1025).to_string(), "1025");
    for text in ["", "KiB", "4MB", "4M", "4 MiB", "-4", "+4", "1.5MiB", "16777216TiB", "4mib"] {
        assert_eq!(parse::<Size>(text), None, "{text}");
    }
}

#[test]
fn sizes_that_do_not_fit_are_cut_to_what_does() {
    assert_eq!(Size::bytes(u64::MAX).as_u32(), u32::MAX);
    assert_eq!(Size::mib(u64::MAX).as_u64(), u64::MAX);
}

#[test]
fn rates_are_a_count_and_a_time() {
    let rate: Rate = parse("30/m").unwrap();
    assert_eq!((rate.count().get(), rate.per()), (30, Duration::from_secs(60)));
    assert_eq!(parse::<Rate>("5/10s").unwrap().per(), Duration::from_secs(10));
    for text in ["", "5", "/s", "0/s", "-1/s", "5/", "5/d", "5/0s", "5/25h", "1.5/s", "5/s/s"] {
        assert_eq!(parse::<Rate>(text), None, "{text}");
    }
}

#[test]
fn listeners_are_addresses_ports_or_paths() {
    assert_eq!(parse(":0"), Some(Listener::Port(0)));
    assert_eq!(parse("unix:/a/b"), Some(Listener::Unix("/a/b".into())));
    assert_eq!(parse("[::1]:80"), Some(Listener::Address("[::1]:80".parse().unwrap())));
    for (text, why) in [
        ("8081", "there is no `:`"),
        ("", "there is no `:`"),
        (":65536", "a port from 0 to 65535"),
        ("127.0.0.1:+1", "a port from 0 to 65535"),
        ("127.0.0.1:", "a port from 0 to 65535"),
        ("::1:80", "needs brackets"),
        ("example.com:80", "names of hosts are not resolved"),
        ("http://a:80", "names of hosts are not resolved"),
        ("unix:", "the path of the socket is missing"),
    ] {
        let problems = Listener::from_text(text).unwrap_err();
        assert!(problems.sentence("").contains(why), "{text}: {problems:?}");
    }
}

#[test]
fn secrets_compare_by_what_they_hold() {
    assert_eq!(Secret::new("a"), Secret::new("a"));
    assert_ne!(Secret::new("a"), Secret::new("b"));
    assert_ne!(Secret::new("a"), Secret::new("ab"));
}
