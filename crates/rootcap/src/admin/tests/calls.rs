//! `/debug/calls`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{Reply, get, raw, send};
use super::{CallQuery, CallRow, Fake, MARKUP, Running, start};
use crate::admin::CallOrder;

const PAGE: &str = "/debug/calls";

/// Everything that a caller controls is markup.
fn hostile(id: &str) -> CallRow {
    CallRow {
        id: id.to_owned(),
        method: format!("/{MARKUP}"),
        phase: "stalled",
        age: Duration::from_millis(61_500),
        left: Some(Duration::from_millis(2_500)),
        peer: "10.1.2.3:4567".to_owned(),
        identity: Some(MARKUP.to_owned()),
        user_agent: Some(MARKUP.to_owned()),
        received_messages: 3,
        received_bytes: 2_048,
        sent_messages: 4,
        sent_bytes: 100,
        unsent_bytes: 70_000,
        phase_seconds: BTreeMap::from([("handler", 0.0015), ("stalled", 60.0)]),
        request_id: MARKUP.to_owned(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        metadata: vec![("x-tenant".to_owned(), MARKUP.to_owned())],
    }
}

fn with_calls(calls: Vec<CallRow>) -> (Fake, Running) {
    let fake = Fake::default();
    fake.calls.lock().unwrap().extend(calls);
    let server = start(fake.clone());
    (fake, server)
}

fn post(server: &Running, target: &str, headers: &str, body: &str) -> Reply {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(server.address, head.as_bytes())
}

#[test]
fn a_call_is_shown_with_all_that_is_known_of_it() {
    let other = CallRow { id: "0-1".to_owned(), phase: "handler", ..CallRow::default() };
    let (_, server) = with_calls(vec![hostile("0-0"), other]);
    let text = get(server.address, PAGE).text().to_owned();
    assert!(text.starts_with("Calls in flight: 2 (1 handler, 1 stalled)."), "{text}");
    for part in
        ["1m1s", "2.50s", "handler 1.50ms, stalled 1m0s", "3 / 2.0 KiB", "68.4 KiB", "x-tenant: "]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    let json = get(server.address, &format!("{PAGE}?format=json")).json();
    assert_eq!((&json["in_flight"], &json["by_phase"]["stalled"]), (&2.into(), &1.into()));
    let call = &json["calls"][0];
    assert_eq!(
        (&call["left_seconds"], &call["method"]),
        (&2.5.into(), &format!("/{MARKUP}").into())
    );
    assert_eq!(call["metadata"][0], serde_json::json!(["x-tenant", MARKUP]));
    assert!(json["calls"][1]["left_seconds"].is_null(), "{json}");
}

#[test]
fn what_callers_wrote_is_never_markup_nor_an_escape_sequence() {
    let (_, server) = with_calls(vec![hostile("0-0"), hostile("\"><script>")]);
    let html = get(server.address, &format!("{PAGE}?format=html&method=%22%3E%3Cscript%3E"));
    assert!(!html.text().contains("<script"), "{}", html.text());
    // Four cells of each call; the query, as the form shows it, and the id: twice.
    assert_eq!(html.text().matches("&lt;script&gt;").count(), 2 * 4 + 1 + 2, "{}", html.text());
    for format in ["html", "text", "json"] {
        let reply = get(server.address, &format!("{PAGE}?format={format}"));
        assert!(!reply.text().contains('\x1b'), "{format}");
    }
}

#[test]
fn the_query_reaches_the_process_and_the_links() {
    let (fake, server) = with_calls(vec![hostile("0-0"), hostile("0-1")]);
    let text = get(server.address, &format!("{PAGE}?sort=left&limit=1&phase=stalled&peer=10.1"));
    assert!(text.text().contains("The first 1 of 2 by left are shown"), "{}", text.text());
    let asked = fake.asked.lock().unwrap().clone();
    assert_eq!(
        (asked.sort, asked.limit, asked.peer.as_deref()),
        (CallOrder::Left, 1, Some("10.1"))
    );
    let html =
        get(server.address, &format!("{PAGE}?format=html&sort=left&method=%2Fa")).text().to_owned();
    for part in [
        "href=\"?sort=left&amp;method=%2Fa&amp;format=json\"",
        "<option selected>left</option>",
        "name=\"method\" value=\"/a\"",
        "<form method=\"post\" action=\"/debug/calls\"><code>0-1</code> <button name=\"id\" value=\"0-1\">",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn what_is_mistyped_is_told() {
    let (fake, server) = with_calls(Vec::new());
    for query in
        ["sort=old", "limit=0", "limit=x", "phase=x", "methods=a", "limit=1&limit=2", "a=%ff"]
    {
        let reply = get(server.address, &format!("{PAGE}?{query}"));
        assert_eq!(reply.status, 400, "{query}");
        assert!(!reply.text().is_empty(), "{query}");
    }
    assert_eq!(*fake.asked.lock().unwrap(), CallQuery::default(), "nothing was asked");
}

#[test]
fn what_the_tasks_of_calls_wait_for_is_told_by_method() {
    let young = CallRow { age: Duration::from_secs(1), ..hostile("0-1") };
    let other = CallRow { phase: "handler", method: "/a.B/C".to_owned(), ..CallRow::default() };
    let (_, server) = with_calls(vec![other, hostile("0-0"), young]);
    let page = "/debug/pprof/tasks";
    let waiting = get(server.address, &format!("{page}?format=json")).json()["waiting"].clone();
    let stalled = serde_json::json!(
        {"method": format!("/{MARKUP}"), "phase": "stalled", "calls": 2, "oldest_seconds": 61.5}
    );
    assert_eq!((&waiting[0], &waiting[1]["calls"]), (&stalled, &1.into()), "{waiting}");
    let html = get(server.address, &format!("{page}?format=html")).text().to_owned();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    let text = get(server.address, page).text().to_owned();
    assert!(text.contains("stalled  2") && text.contains("1m1s"), "{text}");
}

#[test]
fn a_post_cancels_the_call_that_it_names() {
    let (fake, server) = with_calls(vec![hostile("0-0"), hostile("0-1"), hostile("0-2")]);
    let reply = post(&server, PAGE, "", "id=0-1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().starts_with("told to end: 0-1: /"), "{}", reply.text());
    assert!(!reply.text().contains('\x1b'), "{:?}", reply.text());
    // A browser goes back to the list.
    let form = "Accept: text/html\r\nSec-Fetch-Site: same-origin\r\n";
    let reply = post(&server, PAGE, form, "id=0%2D0");
    assert_eq!((reply.status, reply.header("location")), (303, PAGE));
    let left: Vec<_> = fake.calls.lock().unwrap().iter().map(|call| call.id.clone()).collect();
    assert_eq!(left, ["0-2"]);
    let again = post(&server, PAGE, "", "id=0-1");
    assert_eq!(
        (again.status, again.text()),
        (404, "no call \"0-1\" is in flight; it may have ended\n")
    );
}

#[test]
fn a_post_that_does_not_say_which_changes_nothing() {
    let (fake, server) = with_calls(vec![hostile("0-0")]);
    for (target, body) in [
        (PAGE, ""),
        (PAGE, "0-0"),
        (PAGE, "id="),
        (PAGE, "id=0-0&id=0-0"),
        (PAGE, "id=0-0&force=1"),
        (PAGE, "{\"id\": \"0-0\"}"),
        (PAGE, "id=%ff"),
        ("/debug/calls?id=0-0", ""),
    ] {
        let reply = post(&server, target, "", body);
        assert_eq!(reply.status, 400, "{target} {body}: {}", reply.text());
        assert!(reply.text().contains("expected the body id=<id>"), "{}", reply.text());
    }
    assert_eq!(fake.calls.lock().unwrap().len(), 1);
    let reply = send(server.address, "DELETE", PAGE, &[("Host", "localhost")]);
    assert_eq!((reply.status, reply.header("allow")), (405, "GET,HEAD,POST"));
}
