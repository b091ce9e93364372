//! What a caller sends, a path, headers and a body, and what the layers make of it: its id, deadline, message counts,
//! metrics and lines in the log.

#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use rootcap_fuzz::{
    Head, lines,
    observed::{self, Body, Observed, RequestBody, Seen},
};
use rootcap_layers::{
    Direction, MethodKind, Methods, Origin, access_log::MAX_CALLER_STRING, call, trace::Propagation,
};

/// One method is known from a descriptor, and one service by name only: what it has shows with its answers.
static METHODS: LazyLock<Arc<Methods>> = LazyLock::new(|| {
    let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::User);
    Arc::new(methods.service("open.S").build())
});

static OBSERVED: LazyLock<Observed> =
    LazyLock::new(|| Observed::new(&METHODS, Propagation::default(), handle));

/// Reads the request to its end; there is only one method.
async fn handle(request: Request<RequestBody>) -> Response<Body> {
    let status = if request.uri().path() == "/a.B/C" { "0" } else { "12" };
    let _ = request.into_body().collect().await;
    let response = Response::builder().header("grpc-status", status);
    response.body(Body::default()).expect("well-formed")
}

fuzz_target!(|data: &[u8]| {
    let head = Head::read(data);
    let Some(uri) = head.uri() else { return };
    let path = uri.path_and_query().map_or("/", |path| path.path()).to_owned();
    let frames = observed::body(head.rest, 1 + data.len() % 7, None);
    let mut request = Request::post(uri).body(frames).expect("a method and a target");
    *request.headers_mut() = head.headers.clone();
    let seen = OBSERVED.send(request);

    the_id_is_the_callers_or_ours(&head.headers, &seen);
    let timeout = head.headers.get("grpc-timeout").map(|value| timeout(value.as_bytes()));
    the_deadline_is_what_was_asked_for(timeout, &seen);
    if seen.call.rejected_by().is_none() {
        messages_are_counted(head.rest, &seen);
    }
    no_caller_adds_a_series(&path, &seen);
    the_log_says_so(&path, &head.headers, &seen);
});

fn the_id_is_the_callers_or_ours(headers: &HeaderMap, seen: &Seen) {
    let id = seen.call.request_id().as_str();
    let sent = headers.get(call::REQUEST_ID).map_or(&b""[..], |value| value.as_bytes());
    if (1..=128).contains(&sent.len()) && sent.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        assert_eq!(id.as_bytes(), sent);
    } else {
        assert!(id.len() == 20 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')));
    }
    let answered: Vec<_> = seen.head.headers.get_all(call::REQUEST_ID).iter().collect();
    assert_eq!(answered, [id]);
}

/// What the specification of gRPC over HTTP/2 says of `grpc-timeout`; `None` if it is malformed.
fn timeout(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let unit = text.chars().last()?;
    let nanos = match unit {
        'H' => 3_600_000_000_000,
        'M' => 60_000_000_000,
        'S' => 1_000_000_000,
        'm' => 1_000_000,
        'u' => 1_000,
        'n' => 1_u128,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    let well_formed = digits.len() <= 8 && digits.chars().all(|digit| digit.is_ascii_digit());
    let nanos = nanos * digits.parse::<u128>().ok().filter(|_| well_formed)?;
    Some(Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32))
}

fn the_deadline_is_what_was_asked_for(timeout: Option<Option<Duration>>, seen: &Seen) {
    let status = seen.head.headers.get("grpc-status").map(|status| status.as_bytes());
    let given = seen.call.deadline().map(|deadline| deadline - seen.call.started());
    match timeout {
        None => assert_eq!((given, seen.call.rejected_by()), (None, None)),
        Some(None) => {
            assert_eq!((given, seen.call.rejected_by()), (None, Some("deadline")));
            assert_eq!(status, Some(&b"13"[..]));
        }
        // Beyond 584 years there is none.
        Some(Some(timeout)) if timeout.as_nanos() >= u64::MAX.into() => assert_eq!(given, None),
        Some(Some(timeout)) => {
            assert_eq!(given, Some(timeout));
            if timeout.is_zero() {
                assert_eq!(status, Some(&b"4"[..]));
            }
        }
    }
}

fn messages_are_counted(body: &[u8], seen: &Seen) {
    let (mut complete, mut rest) = (0, body);
    while let [_, a, b, c, d, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some(after) = after.get(length..) else { break };
        (complete, rest) = (complete + 1, after);
    }
    assert_eq!(seen.call.messages(Direction::Received), complete);
    assert_eq!(seen.call.bytes(Direction::Received), body.len() as u64);
}

fn no_caller_adds_a_series(path: &str, seen: &Seen) {
    let all = METHODS.all();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|method| method.stats().snapshot().in_flight == 0), "all have ended");
    match METHODS.get(path) {
        Some(known) => assert!(Arc::ptr_eq(&known, seen.call.method()) && path == "/a.B/C"),
        None => assert_ne!(path, "/a.B/C"),
    }
}

fn the_log_says_so(path: &str, headers: &HeaderMap, seen: &Seen) {
    assert_eq!((seen.json.len(), seen.text.len()), (2, 2));
    for (json, text) in seen.json.iter().zip(&seen.text) {
        let (json, text) = (lines::json(json), lines::text(text));
        let shown = |key: &str| json.iter().find(|field| field.0 == key).map(|field| &field.1);
        // Both say the same, behind timestamp, level and message.
        for ((key, value), (text_key, text_value)) in json[3..].iter().zip(&text) {
            assert_eq!(key, text_key);
            let text_value = text_value.as_str().expect("all are strings in text");
            match value.as_f64() {
                Some(number) => assert_eq!(text_value.parse(), Ok(number)),
                None => assert_eq!(value, text_value),
            }
        }
        assert_eq!(json.len() - 3, text.len());
        assert_eq!(
            shown("request_id").and_then(|id| id.as_str()),
            Some(seen.call.request_id().as_str())
        );
        let cut = |bytes: &[u8]| bytes.len() <= MAX_CALLER_STRING;
        if let Some(agent) = headers.get("user-agent").filter(|agent| cut(agent.as_bytes())) {
            let agent = String::from_utf8_lossy(agent.as_bytes());
            assert_eq!(shown("user_agent").and_then(|shown| shown.as_str()), Some(&*agent));
        }
        let name = |key| shown(key).and_then(|name| name.as_str()).unwrap_or_default();
        let (service, method) = (name("grpc.service"), name("grpc.method"));
        assert!(!cut(path.as_bytes()) || path.contains(service) && path.ends_with(method));
    }
}
