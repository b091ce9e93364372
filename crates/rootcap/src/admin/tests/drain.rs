//! `/debug/drain`.

use super::client::{Reply, get, raw};
use super::{Fake, Running, start};

fn post(server: &Running, target: &str) -> Reply {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    raw(server.address, head.as_bytes())
}

#[test]
fn without_a_drain_only_a_dry_run_shows_calls() {
    let server = start(Fake::default());
    let page = get(server.address, "/debug/drain").text().to_owned();
    assert!(page.starts_with("Serving. ?dry_run shows"), "{page}");
    assert!(!page.contains("helloworld"), "{page}");
    let page = get(server.address, "/debug/drain?dry_run").text().to_owned();
    assert!(page.contains("would wait for 2 open calls on 3 connections, up to 25s."), "{page}");
    assert!(page.contains("/helloworld.Greeter/Watch") && page.contains("1m30s"), "{page}");
    assert!(page.contains("250ms") && page.contains("more than is counted"), "{page}");
    let json = get(server.address, "/debug/drain?dry_run&format=json").json();
    assert_eq!((&json["dry_run"], &json["phase"]), (&true.into(), &"serving".into()), "{json}");
    assert_eq!(json["calls"][0]["left_seconds"], 1.0);
    assert!(json["calls"][1]["left_seconds"].is_null(), "{json}");
}

#[test]
fn a_post_begins_one_once() {
    let server = start(Fake::default());
    let reply = post(&server, "/debug/drain");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().starts_with("draining; "), "{}", reply.text());
    let page = get(server.address, "/debug/drain").text().to_owned();
    assert!(page.starts_with("Draining for 4s (draining): what is left is cut in 21s."), "{page}");
    assert!(page.contains("It waits for 2 open calls") && page.contains("1m30s"), "{page}");
    let again = post(&server, "/debug/drain");
    assert_eq!((again.status, again.text()), (409, "a drain has begun already\n"));
}

#[test]
fn what_is_mistyped_is_told_and_begins_nothing() {
    let fake = Fake::default();
    let server = start(fake.clone());
    let told = |reply: Reply, part: &str| {
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(part), "{}", reply.text());
    };
    told(post(&server, "/debug/drain?dry_run"), "a POST has no parameters");
    told(get(server.address, "/debug/drain?dryrun"), "there is no parameter \"dryrun\"");
    told(get(server.address, "/debug/drain?dry_run=no"), "dry_run has no value");
    assert!(!fake.drains.load(std::sync::atomic::Ordering::Relaxed));
}
