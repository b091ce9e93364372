//! The pages: reachable, listed, in the right form, and harmless.

use std::time::Duration;

use super::client::{get, send};
use super::{Fake, MARKUP, example, quick_rows, start, test_rows};
use crate::admin::guard::Access;
use crate::admin::routes::rows;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn browse(address: std::net::SocketAddr, path: &str) -> super::client::Reply {
    send(address, "GET", path, &[("Host", "localhost"), ("Accept", BROWSER)])
}

#[test]
fn every_row_is_reachable_listed_and_documented() {
    let server = start(Fake::default());
    let as_text = get(server.address, "/");
    let as_html = browse(server.address, "/");
    assert_eq!(as_text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(as_html.header("content-type"), "text/html; charset=utf-8");
    for row in quick_rows() {
        assert_eq!(get(server.address, &example(row.path)).status, 200, "{}", row.path);
    }
    for row in rows() {
        let in_text = as_text.text().lines().any(|line| {
            line.split_whitespace().next() == Some(row.path) && line.ends_with(row.description)
        });
        assert!(in_text, "{} in {}", row.path, as_text.text());
        let link = format!("<a href=\"{0}\">{0}</a>", row.path);
        // What has a parameter leads nowhere.
        let is_link = !row.path.contains('{');
        assert_eq!(as_html.text().contains(&link), is_link, "{link} in {}", as_html.text());
        assert!(as_html.text().contains(row.path), "{}", row.path);
        let documented = include_str!("../mod.rs").lines().any(|line| {
            line.starts_with(&format!("//! | `{}` |", row.path))
                && line.replace('`', "").contains(row.description)
        });
        assert!(documented, "{} in the module's documentation", row.path);
    }
}

#[test]
fn the_debug_index_lists_the_debug_pages() {
    let server = start(Fake::default());
    let pages = get(server.address, "/debug/?format=json").json()["pages"].clone();
    let listed: Vec<_> =
        pages.as_array().unwrap().iter().map(|page| page["path"].as_str().unwrap()).collect();
    let rows = test_rows();
    let expected: Vec<_> =
        rows.iter().map(|row| row.path).filter(|path| path.starts_with("/debug/")).collect();
    assert_eq!(listed, expected);
    // A link is a GET, so what changes something is none.
    assert!(!browse(server.address, "/debug/").text().contains("href=\"/debug/test-setting\""));
    let redirect = get(server.address, "/debug");
    assert_eq!((redirect.status, redirect.header("location")), (308, "/debug/"));
}

#[test]
fn head_works_where_get_does() {
    let server = start(Fake::default());
    for row in quick_rows() {
        let path = example(row.path);
        let reply = send(server.address, "HEAD", &path, &[("Host", "localhost")]);
        assert_eq!(reply.status, 200, "{}", row.path);
        assert!(reply.body.is_empty(), "{}", row.path);
        let whole = send(server.address, "GET", &path, &[("Host", "localhost")]);
        assert_eq!(reply.header("content-type"), whole.header("content-type"), "{}", row.path);
    }
}

/// Where there is a page; programs that probe or scrape may add what they like.
#[test]
fn no_page_takes_parameters_that_it_does_not_know() {
    let server = start(Fake::default());
    for row in rows().into_iter().filter(|row| row.method == "GET") {
        let path = format!("{}?nonsense=1", example(row.path));
        let reply = get(server.address, &path);
        let for_programs = row.access == Access::Public;
        assert_eq!(reply.status, if for_programs { 200 } else { 400 }, "{path}");
        if !for_programs {
            let told = "there is no parameter \"nonsense\"; expected ";
            assert!(reply.text().starts_with(told), "{path}: {}", reply.text());
        }
    }
    for row in quick_rows().into_iter().filter(|row| row.access == Access::Guarded) {
        let reply = get(server.address, &format!("{}?format=xml", example(row.path)));
        let told = "format=xml: expected one of html, json, text\n";
        assert_eq!((reply.status, reply.text()), (400, told), "{}", row.path);
    }
}

#[test]
fn unknown_paths_and_methods_are_told_where_to_go() {
    let server = start(Fake::default());
    let reply = get(server.address, "/no/such");
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("/ lists"), "{}", reply.text());
    for (method, path, allowed) in
        [("POST", "/metrics", "GET,HEAD"), ("GET", "/debug/test-setting", "PUT")]
    {
        let reply = send(server.address, method, path, &[("Host", "localhost")]);
        assert_eq!((reply.status, reply.header("allow")), (405, allowed));
    }
}

#[test]
fn metrics_are_prometheus_text_and_small_on_the_wire() {
    let server = start(Fake::default());
    let plain = get(server.address, "/metrics");
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(plain.text().starts_with("# TYPE grpc_server_started_total counter\n"));
    let headers = [("Host", "localhost"), ("Accept-Encoding", "gzip")];
    let packed = send(server.address, "GET", "/metrics", &headers);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.len() * 10 < plain.body.len());
}

#[test]
fn livez_fails_only_when_the_heartbeat_is_older_than_30_s() {
    let not_ready = vec!["draining".to_owned()];
    for (millis, status) in [(0, 200), (29_000, 200), (30_000, 200), (30_001, 503), (31_000, 503)] {
        let heartbeat = Duration::from_millis(millis);
        let server = start(Fake { heartbeat, not_ready: not_ready.clone(), ..Fake::default() });
        assert_eq!(get(server.address, "/livez").status, status, "{millis}");
    }
}

#[test]
fn readyz_and_healthz_fail_with_the_reasons() {
    let ready = start(Fake { heartbeat: Duration::from_secs(99), ..Fake::default() });
    let reasons = vec!["draining".to_owned(), "not ready: cache\n\x1b[2J".to_owned()];
    let not_ready = start(Fake { not_ready: reasons, ..Fake::default() });
    for path in ["/readyz", "/healthz"] {
        assert_eq!(get(ready.address, path).status, 200);
        let reply = get(not_ready.address, path);
        assert_eq!(reply.status, 503);
        assert_eq!(reply.text(), "draining\nnot ready: cache\\n\\u{1b}[2J\n");
    }
}

#[test]
fn info_has_exactly_these_keys() {
    let server = start(Fake::default());
    let reply = browse(server.address, "/info");
    assert_eq!(reply.header("content-type"), "application/json");
    let info = reply.json();
    let mut keys: Vec<_> = info.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "CurrentTimeEpochSecs",
            "Hostname",
            "Pid",
            "Profile",
            "Rustc",
            "Services",
            "StartTimeEpochSecs",
            "Target",
            "Uptime",
            "Version",
        ]
    );
    assert_eq!(info["Uptime"], "167h10m2s");
    assert_eq!(info["StartTimeEpochSecs"], 1_700_000_000);
    assert!(info["CurrentTimeEpochSecs"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(info["Services"]["helloworld.Greeter"][0], "SayHello");
}

#[test]
fn connections_are_json_for_curl_and_a_table_for_browsers() {
    let server = start(Fake::default());
    let json = get(server.address, "/connections").json();
    assert_eq!(json["CurrentConnectionCount"], 2);
    let first = serde_json::json!({
        "Addr": "10.1.2.3:4567",
        "Name": MARKUP,
        "HealthOnly": true,
        "SessionDuration": "3m4s",
        "OpenStreams": 2,
        "TotalStreams": 30,
        "BytesIn": 400,
        "BytesOut": 5000,
        "BytesInPerSecond": 60,
        "BytesOutPerSecond": 700,
        "BytesUnsent": 70,
        "RttMicros": 843,
        "Retransmits": 9,
        "Pings": 7,
        "ExcessPings": 3,
        "LastActivity": "1s",
    });
    assert_eq!(json["Connections"][0], first);
    let second = &json["Connections"][1];
    assert!(
        second["Name"].is_null()
            && second["RttMicros"].is_null()
            && second["Retransmits"].is_null()
    );
    let talkers = serde_json::json!([
        {"Peer": MARKUP, "Connections": 1, "BytesInPerSecond": 60, "BytesOutPerSecond": 700},
    ]);
    assert_eq!(json["TopTalkers"], talkers, "who is silent is none");
    assert!(browse(server.address, "/connections").text().contains("<table>"));
    let text = get(server.address, "/connections?format=text");
    assert!(text.text().contains("10.1.2.3:4567"), "{}", text.text());
    assert_eq!(get(server.address, "/connections?format=yaml").status, 400);
}

#[test]
fn health_is_text_for_curl_and_numbers_for_programs() {
    let server = start(Fake { not_ready: vec!["draining".to_owned()], ..Fake::default() });
    let text = get(server.address, "/debug/health");
    let words: Vec<Vec<&str>> =
        text.text().lines().map(|line| line.split_whitespace().collect()).collect();
    let line = |words_of_it: &str| {
        let sought: Vec<_> = words_of_it.split(' ').collect();
        assert!(
            words.iter().any(|line| line.starts_with(&sought)),
            "{sought:?} in {}",
            text.text()
        );
    };
    line("Not ready: draining.");
    line("redis failing 1m35s 4 1.23ms running for 7s 10s 1.50s readiness, helloworld.Greeter");
    line("disk not run yet 1m35s 0 in 2s 10s 1.50s nothing");
    line("(the whole server) NOT_SERVING redis");
    line("helloworld.Greeter SERVING");
    line("warm the cache 12s 2");
    assert!(text.text().lines().any(|line| line.ends_with("12s  a panic")), "{}", text.text());

    let json = get(server.address, "/debug/health?format=json").json();
    assert_eq!(json["not_ready"][0], "draining");
    let first = serde_json::json!({
        "name": "redis",
        "state": "failing",
        "in_state_seconds": 95.0,
        "failures_in_a_row": 4,
        "running_seconds": 7.0,
        "last_duration_seconds": 0.001_234,
        "last_error": {"text": MARKUP, "ago_seconds": 8.0},
        "next_in_seconds": 2.0,
        "interval_seconds": 10.0,
        "timeout_seconds": 1.5,
        "affects": ["readiness", "helloworld.Greeter"],
    });
    assert_eq!(json["checks"][0], first);
    assert!(json["checks"][1]["last_error"].is_null());
    let whole =
        serde_json::json!({"service": "", "status": "NOT_SERVING", "withheld_by": ["redis"]});
    assert_eq!(json["services"][0], whole);
    assert_eq!(json["waiting_for"][0]["held_seconds"], 12.0);
    assert_eq!(json["waiting_for"][1]["panicked"], true);
    assert_eq!(browse(server.address, "/debug/health").text().matches("<table>").count(), 3);
}

#[test]
fn stalls_are_listed_with_what_was_found_of_their_stacks() {
    let server = start(Fake::default());
    let text = get(server.address, "/debug/stalls").text().to_owned();
    assert!(text.starts_with(
        "Calls that have kept their thread for 250ms or more in one go: 7. The last 2"
    ));
    assert!(text.contains("2023-11-14T22:13:20Z") && text.contains("1.25s"), "{text}");
    let html = browse(server.address, "/debug/stalls").text().to_owned();
    assert!(html.contains("<summary>0x1</summary><ol><li>0x1</li></ol>"), "{html}");
    let json = get(server.address, "/debug/stalls?format=json").json();
    assert_eq!(json["stalls"][0]["method"], MARKUP);
    // An address that is in no function is shown as it is.
    assert_eq!(json["stalls"][0]["stack"][0]["function"], "0x1");
    assert_eq!(
        (&json["stalls"][1]["goes_on"], &json["stalls"][1]["stack"]),
        (&false.into(), &().into())
    );
}

#[test]
fn tasks_are_counters_that_say_so() {
    let server = start(Fake::default());
    let text = get(server.address, "/debug/pprof/tasks").text().to_owned();
    assert!(text.starts_with("Tasks of the service's runtime that have not ended: 21."), "{text}");
    let json = get(server.address, "/debug/pprof/tasks?format=json").json();
    assert_eq!(json["workers"][1], serde_json::json!({"busy_seconds": 12.345, "parked": 9}));
}

#[test]
fn tasks_are_asked_where_they_wait_when_that_is_asked_for() {
    let server = start(Fake::default());
    for without in ["", "&dump=off"] {
        let path = format!("/debug/pprof/tasks?format=json{without}");
        assert!(get(server.address, &path).json()["dump"].is_null(), "{path}");
    }
    let json = get(server.address, "/debug/pprof/tasks?format=json&dump=on").json();
    assert_eq!(json["dump"][0]["tasks"], 4);
    let html = browse(server.address, "/debug/pprof/tasks?dump=on").text().to_owned();
    assert!(html.contains("<summary>&lt;recv&gt; at src/channel.rs:2</summary>"), "{html}");
    let refused = get(server.address, "/debug/pprof/tasks?dump=maybe");
    let told = "dump=maybe: expected one of on, off\n";
    assert_eq!((refused.status, refused.text()), (400, told));
}

#[test]
fn the_head_of_a_profile_takes_no_profile() {
    let server = start(Fake::default());
    let path = "/debug/pprof/profile?seconds=300";
    let reply = send(server.address, "HEAD", path, &[("Host", "localhost")]);
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/octet-stream"));
}

#[test]
fn without_a_profile_of_the_heap_there_is_a_page_that_says_how_to_have_one() {
    let server = start(Fake::default());
    for path in ["/debug/pprof/heap", "/debug/pprof/allocs"] {
        let html = browse(server.address, path);
        let kind = html.header("content-type");
        assert_eq!((html.status, kind), (501, "text/html; charset=utf-8"));
        assert!(html.text().contains("<code>rootcap::jemalloc!();</code>"), "{}", html.text());
        let json = get(server.address, &format!("{path}?format=json"));
        assert!(json.json()["missing"].as_str().unwrap().contains("call rootcap::jemalloc!()"));
    }
}

#[test]
fn the_settings_page_tells_what_the_tls_files_held_and_why_newer_ones_are_not_used() {
    let server = start(Fake::default());
    let text = get(server.address, "/debug/config");
    for part in [
        "serial 01:02, valid until 2027-01-01T00:00:00Z (41 days), loaded 2026-11-20T00:00:00Z",
        "TLS of the service port: not reloaded since 2026-11-21T00:00:00Z: tls.key = \"key.pem\"",
    ] {
        assert!(text.text().contains(part), "{}", text.text());
    }
    let json = get(server.address, "/debug/config?format=json").json();
    assert_eq!(json["tls"][0]["days_left"], 41);
}

#[test]
fn what_others_named_is_never_markup_nor_an_escape_sequence() {
    let server = start(Fake::default());
    for path in [
        "/connections",
        "/debug/config",
        "/debug/health",
        "/debug/limits",
        "/debug/limits/greetings",
        "/debug/stalls",
    ] {
        let html = browse(server.address, path);
        assert!(!html.text().contains("<script"), "{}", html.text());
        assert!(html.text().contains("&lt;script&gt;"), "{}", html.text());
        for format in ["html", "text", "json"] {
            let reply = get(server.address, &format!("{path}?format={format}"));
            assert!(!reply.text().contains('\x1b'), "{path} {format}");
        }
    }
}

#[test]
fn every_answer_carries_the_security_headers() {
    let server = start(Fake { panics: true, ..Fake::default() });
    let unlisted = ["/no/such", "/connections", "/?format=x", "/debug"];
    let rows = quick_rows();
    for path in rows.iter().map(|row| row.path).chain(unlisted).map(example) {
        for headers in [&[("Host", "localhost"), ("Accept", BROWSER)][..], &[]] {
            let reply = send(server.address, "GET", &path, headers);
            let policy = reply.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            assert_eq!(reply.header("referrer-policy"), "no-referrer");
            assert_eq!(reply.header("cache-control"), "no-store");
        }
    }
}

#[test]
fn pages_need_nothing_that_the_policy_forbids() {
    let server = start(Fake::default());
    for row in quick_rows() {
        let html = browse(server.address, &example(row.path));
        for forbidden in ["<script", "<style", " style=", " onclick", "http://", "https://", "url("]
        {
            assert!(!html.text().contains(forbidden), "{forbidden} in {}", row.path);
        }
    }
}

#[test]
fn a_page_that_panics_is_a_500_and_the_port_goes_on() {
    let server = start(Fake { panics: true, ..Fake::default() });
    let reply = get(server.address, "/connections");
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("a page that panics"), "{}", reply.text());
    assert_eq!(get(server.address, "/livez").status, 200);
}
