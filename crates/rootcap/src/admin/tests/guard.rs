//! The guard, a test per sentence of its description.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use tower::ServiceExt;

use super::client::{Reply, get, raw, send};
use super::{Fake, example, start, start_with, test_rows};
use crate::admin::guard::{Access, Guard, Peer};
use crate::admin::routes::{router, rows};
use crate::admin::token::Token;
use crate::admin::{Settings, token::TokenError};

const GUARDED: &str = "/debug/config";

fn token(content: &str) -> Result<Token, TokenError> {
    let file = super::token::TokenFile::new(content);
    Token::from_file(file.path())
}

fn with_token() -> super::Running {
    let settings = Settings { token: Some(token("s3cret\n").unwrap()), ..Settings::default() };
    start_with(Fake::default(), settings)
}

/// A request as it would arrive from `peer`.
async fn from(peer: &str, token: Option<Token>, request: Request<Body>) -> Response {
    let mut request = request;
    if let Ok(peer) = peer.parse::<SocketAddr>() {
        request.extensions_mut().insert(Peer(Arc::new(rootcap_layers::Peer::new(peer))));
    }
    let router = router(test_rows(), Arc::new(Fake::default()), Guard::new(token));
    router.oneshot(request).await.unwrap()
}

fn page(path: &str) -> Request<Body> {
    Request::get(path).header("host", "localhost:8080").body(Body::empty()).unwrap()
}

#[test]
fn the_public_rows_are_these() {
    let public: Vec<_> =
        rows().iter().filter(|row| row.access == Access::Public).map(|row| row.path).collect();
    assert_eq!(public, ["/metrics", "/livez", "/readyz", "/healthz", "/info", "/style.css"]);
}

#[tokio::test]
async fn public_rows_are_for_everyone() {
    for token_set in [false, true] {
        for row in rows().iter().filter(|row| row.access == Access::Public) {
            let request = Request::get(row.path)
                .header("host", "example.com")
                .header("x-forwarded-for", "10.0.0.1")
                .header("sec-fetch-site", "cross-site")
                .body(Body::empty())
                .unwrap();
            let token = token_set.then(|| token("s3cret").unwrap());
            let reply = from("203.0.113.9:1", token, request).await;
            assert_eq!(reply.status(), StatusCode::OK, "{}", row.path);
        }
    }
}

#[tokio::test]
async fn all_else_is_guarded() {
    for row in rows().iter().filter(|row| row.access == Access::Guarded) {
        let reply = from("203.0.113.9:1", None, page(&example(row.path))).await;
        assert_eq!(reply.status(), StatusCode::FORBIDDEN, "{}", row.path);
        let reply =
            from("127.0.0.1:1", Some(token("s3cret").unwrap()), page(&example(row.path))).await;
        assert_eq!(reply.status(), StatusCode::UNAUTHORIZED, "{}", row.path);
    }
}

#[test]
fn a_configured_token_is_needed_even_locally() {
    let server = with_token();
    let reply = get(server.address, GUARDED);
    assert_eq!(reply.status, 401);
    let challenges = reply.all("www-authenticate");
    assert!(challenges[0].starts_with("Basic realm=\"rootcap\""), "{challenges:?}");
    assert!(challenges[1].starts_with("Bearer"), "{challenges:?}");
    assert!(reply.text().contains("admin.token_file"));
    assert!(!reply.text().contains("s3cret"));
}

fn authorized(server: &super::Running, values: &[&str]) -> Reply {
    let mut headers = vec![("Host", "admin.example.com")];
    headers.extend(values.iter().map(|value| ("Authorization", *value)));
    send(server.address, "GET", GUARDED, &headers)
}

#[test]
fn the_token_opens_as_bearer_or_as_the_password_of_basic() {
    let server = with_token();
    for value in [
        "Bearer s3cret",
        "bearer   s3cret",
        "Basic YW55b25lOnMzY3JldA==", // anyone:s3cret
        "basic OnMzY3JldA==",         // :s3cret
    ] {
        assert_eq!(authorized(&server, &[value]).status, 200, "{value}");
    }
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer s3cre",
        "Bearer s3cretx",
        "Bearer S3CRET",
        "Bearers3cret",
        "Digest s3cret",
        "Basic s3cret",
        "Basic czNjcmV0",             // s3cret, no colon
        "Basic czNjcmV0OnMzY3JlVA==", // s3cret:s3creT
        "Basic czNjcmV0Og==",         // s3cret:
        "s3cret",
    ] {
        assert_eq!(authorized(&server, &[value]).status, 401, "{value}");
    }
    assert_eq!(authorized(&server, &["Bearer s3cret", "Bearer other"]).status, 401);
}

#[tokio::test]
async fn with_a_token_the_peer_the_host_and_proxies_do_not_matter() {
    let request = Request::get(GUARDED)
        .header("host", "admin.example.com")
        .header("via", "1.1 proxy")
        .header("authorization", "Bearer s3cret")
        .body(Body::empty())
        .unwrap();
    let reply = from("203.0.113.9:1", Some(token("s3cret").unwrap()), request).await;
    assert_eq!(reply.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_a_token_loopback_peers_are_trusted_and_no_others() {
    for peer in ["127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let reply = from(peer, None, page(GUARDED)).await;
        assert_eq!(reply.status(), StatusCode::OK, "{peer}");
    }
    let remote = ["10.0.0.1:1", "0.0.0.0:1", "128.0.0.1:1", "[::2]:1", "[::ffff:10.0.0.1]:1"];
    let odd = ["[::]:1", "[::127.0.0.1]:1", "169.254.1.1:1", "[fe80::1]:1", "no peer at all"];
    for peer in remote.into_iter().chain(odd) {
        let reply = from(peer, None, page(GUARDED)).await;
        assert_eq!(reply.status(), StatusCode::FORBIDDEN, "{peer}");
    }
}

#[test]
fn without_a_token_the_host_must_be_a_loopback_one() {
    let server = start(Fake::default());
    for host in [
        "localhost",
        "LocalHost:8080",
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.8.9.10:1",
        "[::1]",
        "[::1]:8080",
        "[::ffff:127.0.0.1]:8080",
    ] {
        let reply = send(server.address, "GET", GUARDED, &[("Host", host)]);
        assert_eq!(reply.status, 200, "{host}");
    }
    for host in [
        "",
        "example.com",
        "localhost.example.com",
        "localhost.",
        "127.0.0.1.example.com",
        "127.0.0.1@example.com",
        "example.com:127",
        "localhost:80:80",
        "localhost:x",
        "user@localhost",
        "[::1",
        "[::1]x",
        "[localhost]",
        "[127.0.0.1]",
        "::1",
        "0.0.0.0",
        "10.0.0.1:8080",
        "127.1",
        "2130706433",
    ] {
        let reply = send(server.address, "GET", GUARDED, &[("Host", host)]);
        assert!([400, 403].contains(&reply.status), "{host}: {}", reply.status);
    }
}

#[test]
fn without_a_token_a_host_is_needed_and_only_one() {
    let server = start(Fake::default());
    assert_eq!(send(server.address, "GET", GUARDED, &[]).status, 403);
    let old = raw(server.address, format!("GET {GUARDED} HTTP/1.0\r\n\r\n").as_bytes());
    assert_eq!(old.status, 403);
    let two = [("Host", "localhost"), ("Host", "example.com")];
    assert!([400, 403].contains(&send(server.address, "GET", GUARDED, &two).status));
    // The target's host counts before the header's.
    for (target, status) in [("http://example.com", 403), ("http://localhost:1", 200)] {
        let target = format!("{target}{GUARDED}");
        let reply = send(server.address, "GET", &target, &[("Host", "localhost")]);
        assert_eq!(reply.status, status, "{target}");
    }
}

#[test]
fn without_a_token_nothing_that_a_proxy_passed_on_is_trusted() {
    let server = start(Fake::default());
    for header in [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "x-forwarded-anything",
        "X-Real-IP",
        "Via",
    ] {
        for value in ["127.0.0.1", ""] {
            let headers = [("Host", "localhost"), (header, value)];
            let reply = send(server.address, "GET", GUARDED, &headers);
            assert_eq!(reply.status, 403, "{header}: {value}");
            assert!(reply.text().contains(&header.to_ascii_lowercase()), "{}", reply.text());
            assert!(reply.text().contains("admin.token_file"), "{}", reply.text());
        }
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_what_to_do() {
    let reply = from("203.0.113.9:1", None, page(GUARDED)).await;
    let body = axum::body::to_bytes(reply.into_body(), 4096).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains("only peers on this host"), "{text}");
    assert!(text.contains("set admin.token_file"), "{text}");
}

#[test]
fn guarded_pages_are_not_given_to_other_sites() {
    for server in [start(Fake::default()), with_token()] {
        let ask = |site: &str| {
            let headers = [
                ("Host", "localhost"),
                ("Authorization", "Bearer s3cret"),
                ("Sec-Fetch-Site", site),
            ];
            send(server.address, "GET", GUARDED, &headers).status
        };
        assert_eq!(ask("cross-site"), 403);
        assert_eq!(ask("same-origin"), 200);
        assert_eq!(ask("none"), 200);
    }
}

#[test]
fn every_get_row_changes_nothing_and_every_other_row_is_guarded() {
    // A handler of `Row::get` and `Row::heavy` sees the process through `&self` methods that only
    // read; whatever else is in the table must not be for everyone.
    for row in test_rows().iter().filter(|row| row.method != http::Method::GET) {
        assert_eq!(row.access, Access::Guarded, "{} {}", row.method, row.path);
    }
}

fn put(server: &super::Running, headers: &[(&str, &str)]) -> Reply {
    let mut all = vec![("Host", "localhost"), ("Content-Length", "0")];
    all.extend(headers);
    send(server.address, "PUT", "/debug/test-setting", &all)
}

#[test]
fn changes_asked_for_by_another_site_are_refused() {
    let server = start(Fake::default());
    for headers in [
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Origin", "https://example.com")],
        [("Origin", "null")],
        [("Origin", "http://localhost:9999")],
    ] {
        let reply = put(&server, &headers);
        assert_eq!(reply.status, 403, "{headers:?}");
        assert!(reply.text().contains("another site"), "{}", reply.text());
    }
    for headers in [
        &[][..],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Sec-Fetch-Site", "none")],
        &[("Origin", "http://localhost")],
    ] {
        assert_eq!(put(&server, headers).status, 200, "{headers:?}");
    }
    assert_eq!(put(&with_token(), &[]).status, 401);
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_change_is_logged_with_the_peer_the_old_and_the_new_value() {
    // While there is only one subscriber, tracing asks the thread that first reaches an event whether
    // anyone listens, and another test's thread would say no, for good.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let log = || String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();

    from("127.0.0.1:77", None, page(GUARDED)).await;
    assert_eq!(log(), "");
    let peer = rootcap_layers::Peer::new(([127, 0, 0, 1], 77).into()).identity("spiffe://a/b");
    let change = Request::put("/debug/test-setting").header("host", "localhost");
    let change = change.extension(Peer(Arc::new(peer))).body(Body::from("after")).unwrap();
    let reply = from("the peer in the request", None, change).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let log = log();
    for part in [
        "peer.address=\"127.0.0.1:77\"",
        "peer.identity=\"spiffe://a/b\"",
        "test-setting",
        "old=\"before\"",
        "new=\"after\"",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
}
