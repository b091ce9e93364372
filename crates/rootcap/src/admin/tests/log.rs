//! `/debug/log`, and with it what holds for every route that changes something.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use super::client::{Reply, get, raw, send};
use super::{Fake, Running, start, start_on, start_with};
use crate::admin::Settings;
use crate::admin::token::Token;
use crate::config::LogFormat;
use crate::telemetry::logs::tests::TestLog;

const PAGE: &str = "/debug/log";

/// An admin port whose log is real.
struct Logging {
    server: Running,
    log: TestLog,
}

fn logging() -> Logging {
    logging_on(TcpListener::bind("127.0.0.1:0").unwrap())
}

fn logging_on(listener: TcpListener) -> Logging {
    let log = TestLog::new(LogFormat::Json, "info");
    let fake = Fake { logs: Some(log.logs.clone()), ..Fake::default() };
    Logging { server: start_on(listener, fake, Settings::default()), log }
}

impl Logging {
    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        raw(self.server.address, &[head.as_bytes(), body].concat())
    }

    fn put(&self, target: &str, filter: &str) -> Reply {
        // As `curl -X PUT -d` sends it.
        let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "*/*")];
        self.send("PUT", target, &form, filter.as_bytes())
    }

    fn json(&self) -> serde_json::Value {
        get(self.server.address, "/debug/log?format=json").json()
    }

    fn in_force(&self) -> String {
        self.json()["filter"].as_str().unwrap().to_owned()
    }
}

/// By default the port listens on all addresses of IPv6 and IPv4 at once.
#[test]
fn a_peer_of_ipv4_is_named_by_its_address_of_ipv4() {
    let Ok(listener) = TcpListener::bind("[::]:0") else {
        println!("SKIPPED: this machine has no IPv6");
        return;
    };
    let mut port = logging_on(listener);
    port.server.address.set_ip(Ipv4Addr::LOCALHOST.into());
    assert_eq!(port.put(PAGE, "debug").status, 200);
    let json = port.json();
    assert!(json["set_by"].as_str().unwrap().starts_with("peer 127.0.0.1:"), "{json}");
}

#[test]
fn the_page_shows_the_filter_and_where_it_came_from() {
    let port = logging();
    let json = port.json();
    assert_eq!(json["filter"], "info");
    assert_eq!(json["set_by"], "settings: default");
    assert!(json["set_at"].as_str().unwrap().ends_with('Z'), "{json}");
    for absent in ["expires_at", "expires_in", "falls_back_to", "configured_by"] {
        assert!(json[absent].is_null(), "{absent}: {json}");
    }
    let text = get(port.server.address, PAGE);
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert!(text.text().lines().any(|line| line.starts_with("Filter ") && line.ends_with(" info")));
    let html =
        send(port.server.address, "GET", PAGE, &[("Host", "localhost"), ("Accept", "text/html")]);
    assert!(html.text().contains("<code>info</code>"), "{}", html.text());
}

#[test]
fn a_put_changes_the_filter_until_a_delete() {
    let port = logging();
    let reply = port.put("/debug/log?for=5m", "debug,h2=info");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("debug,h2=info"), "{}", reply.text());
    let json = port.json();
    assert_eq!(json["filter"], "debug,h2=info");
    assert!(json["set_by"].as_str().unwrap().starts_with("peer 127.0.0.1:"), "{json}");
    assert!(["4m59s", "5m0s"].contains(&json["expires_in"].as_str().unwrap()), "{json}");
    assert!(json["expires_at"].as_str() > json["set_at"].as_str(), "{json}");
    assert_eq!(
        (&json["falls_back_to"], &json["configured_by"]),
        (&"info".into(), &"settings: default".into())
    );

    let reply = port.put(PAGE, " my_crate=trace , info\n");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = port.json();
    assert_eq!(json["filter"], "my_crate=trace , info", "it replaces the other");
    assert!(["9m59s", "10m0s"].contains(&json["expires_in"].as_str().unwrap()), "{json}");

    assert_eq!(port.put("/debug/log?for=off", "off").status, 200);
    let json = port.json();
    assert_eq!((&json["filter"], &json["expires_in"]), (&"off".into(), &().into()));

    for _ in 0..2 {
        let reply = port.send("DELETE", PAGE, &[], b"");
        assert_eq!(reply.status, 200);
        assert_eq!(port.in_force(), "info");
    }
    assert_eq!(port.json()["set_by"], "settings: default");
}

#[test]
fn what_is_wrong_is_refused_and_the_old_filter_stays() {
    let port = logging();
    assert_eq!(port.put(PAGE, "warn").status, 200);
    let long = "x".repeat(5_000);
    for (target, filter, says) in [
        (PAGE, "", "a directive is empty"),
        (PAGE, "inof", "did you mean \"info\""),
        (PAGE, "my_crate=loud", "expected"),
        (PAGE, "debug,\u{1b}[31m", "`info,my_crate=debug`"),
        (PAGE, "info, \u{e9}\u{e9}=loud", "level"),
        (PAGE, "{\"filter\":\"debug\"}", "`info,my_crate=debug`"),
        (PAGE, &*long, "longer than 4096"),
        ("/debug/log?for=", "debug", "expected \"off\" or a duration"),
        ("/debug/log?for=10", "debug", "the unit is missing"),
        ("/debug/log?for=0s", "debug", "from 1s to 24h"),
        ("/debug/log?for=25h", "debug", "from 1s to 24h"),
        ("/debug/log?for=99999999999999999999h", "debug", "from 1s to 24h"),
        ("/debug/log?fro=5m", "debug", "there is no parameter \"fro\""),
        ("/debug/log?for=5m&for=6m", "debug", "more than one"),
    ] {
        let reply = port.put(target, filter);
        assert_eq!(reply.status, 400, "{target} {filter}: {}", reply.text());
        assert!(reply.text().contains(says), "{target} {filter}: {}", reply.text());
        assert!(reply.text().ends_with("Nothing was changed.\n"), "{}", reply.text());
        assert!(!reply.text().contains('\x1b') && reply.body.len() < 1_000, "{}", reply.text());
        assert_eq!(port.in_force(), "warn", "{target} {filter}");
    }
    assert_eq!(port.send("PUT", PAGE, &[], b"\xff\xfe").status, 400);
    assert_eq!(port.send("DELETE", "/debug/log?for=5m", &[], b"").status, 400);
    assert_eq!(port.put(PAGE, &"x".repeat(65 * 1024)).status, 413);
    let chunked = format!(
        "PUT {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x11000)
    );
    assert_eq!(raw(port.server.address, chunked.as_bytes()).status, 413);
    assert_eq!(port.in_force(), "warn");
}

#[test]
fn only_put_and_delete_change() {
    let port = logging();
    for method in ["GET", "HEAD", "POST", "PATCH", "OPTIONS"] {
        let reply = port.send(method, "/debug/log?for=5m", &[], b"debug");
        assert_eq!(
            reply.status,
            if ["GET", "HEAD"].contains(&method) { 400 } else { 405 },
            "{method}"
        );
        assert_eq!(port.in_force(), "info", "{method}");
    }
    let reply = port.send("POST", PAGE, &[], b"");
    assert_eq!(reply.header("allow"), "GET,HEAD,PUT,DELETE");
}

#[test]
fn who_may_not_see_the_page_may_not_change_it() {
    let file = super::token::TokenFile::new("s3cret");
    let token = Some(Token::from_file(file.path()).unwrap());
    let log = TestLog::new(LogFormat::Json, "info");
    let fake = Fake { logs: Some(log.logs.clone()), ..Fake::default() };
    let server = start_with(fake, Settings { token, ..Settings::default() });
    let port = Logging { server, log };
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(port.send(method, PAGE, &[], b"debug").status, 401, "{method}");
    }
    let authorized = [("Authorization", "Bearer s3cret")];
    let other_site = [("Authorization", "Bearer s3cret"), ("Sec-Fetch-Site", "cross-site")];
    let other_origin = [("Authorization", "Bearer s3cret"), ("Origin", "https://example.com")];
    for headers in [other_site, other_origin] {
        for method in ["PUT", "DELETE"] {
            let reply = port.send(method, PAGE, &headers, b"debug");
            assert_eq!(reply.status, 403, "{method} {headers:?}");
        }
    }
    let current = |port: &Logging| port.log.logs.in_force().unwrap().current().value.clone();
    assert_eq!(current(&port), "info");
    assert_eq!(port.send("PUT", PAGE, &authorized, b"debug").status, 200);
    assert_eq!(current(&port), "debug");
}

#[test]
fn a_log_of_the_process_own_is_left_alone() {
    let server = start(Fake::default());
    let page = get(server.address, PAGE);
    assert!(page.text().contains("a tracing subscriber of its own"), "{}", page.text());
    for method in ["PUT", "DELETE"] {
        let headers = [("Host", "localhost"), ("Content-Length", "0")];
        let reply = send(server.address, method, PAGE, &headers);
        assert_eq!(reply.status, 409, "{method}: {}", reply.text());
        assert!(reply.text().contains("a tracing subscriber of its own"), "{}", reply.text());
    }
}

#[test]
fn a_body_that_does_not_come_holds_nobody_up() {
    use std::io::Write;
    let port = logging();
    let mut slow = super::client::connect(port.server.address);
    let head = format!("PUT {PAGE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nde");
    slow.write_all(head.as_bytes()).unwrap();
    let began = Instant::now();
    assert_eq!(port.put(PAGE, "warn").status, 200);
    assert!(began.elapsed() < Duration::from_secs(10));
    drop(slow);
    assert_eq!(port.in_force(), "warn");
}
