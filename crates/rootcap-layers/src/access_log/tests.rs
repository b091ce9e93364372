//! Tests of the lines.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, uri::PathAndQuery};
use serde_json::Value;
use tonic::Code;
use tracing::Level;

use super::*;
use crate::{
    Call, MethodKind, Methods, Origin, Outcome, Peer,
    call::{Direction, Head, RequestId, Start},
    method::Found,
    observe::Observer,
    outcome::{CODES, Cause, End},
    trace::{Propagation, Sampler, TraceContext},
};

/// Keeps what is written; takes lines from a level on.
struct Kept {
    lines: Mutex<Vec<Vec<u8>>>,
    from: Level,
}

impl Output for Kept {
    fn enabled(&self, level: Level) -> bool {
        level <= self.from
    }

    fn write(&self, line: &[u8]) {
        self.lines.lock().unwrap().push(line.to_vec());
    }
}

impl Kept {
    fn new(from: Level) -> Arc<Self> {
        Arc::new(Self { lines: Mutex::default(), from })
    }

    fn take(&self) -> Vec<String> {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }
}

fn methods() -> Methods {
    Methods::builder()
        .method("helloworld.Greeter", "SayHello", MethodKind::Unary, Origin::User)
        .method("grpc.health.v1.Health", "Check", MethodKind::Unary, Origin::Builtin)
        .build()
}

const HELLO: &str = "/helloworld.Greeter/SayHello";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A call of `path` with these headers; those under `x-listed` are listed for the log.
fn call(path: &str, headers: &[(&str, &[u8])]) -> Call {
    call_of(Peer::new("192.0.2.1:5000".parse().unwrap()).into(), path, headers)
}

fn call_of(peer: Arc<Peer>, path: &str, headers: &[(&str, &[u8])]) -> Call {
    let methods = methods();
    let (Found::Settled(method) | Found::Provisional(method)) = methods.find(path);
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap())
        })
        .collect();
    let listed = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-listed"));
    Call::new(Start {
        method,
        path: PathAndQuery::try_from(path).unwrap(),
        otel: opentelemetry::Context::new(),
        propagation: Propagation::default(),
        span: None,
        logged: Some(listed.map(|(name, value)| (name.clone(), value.clone())).collect()),
        request_id: RequestId::accept(&headers),
        trace: TraceContext::accept(&headers, &Propagation::default(), &Sampler::default()),
        peer: Some(peer),
        head: Head::read(&headers),
        started_at: SystemTime::now(),
    })
}

fn outcome(code: Code) -> Outcome {
    Outcome::new(code, Cause::Trailers, Duration::from_nanos(1_234_567))
}

/// How a call ended whose trailers had this message, percent-encoded.
fn failed(message: &[u8]) -> Outcome {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("13"));
    trailers.insert("grpc-message", HeaderValue::from_bytes(message).unwrap());
    End::read(&mut trailers, Cause::Trailers).unwrap().after(Duration::from_millis(20))
}

/// The lines of one call.
fn lines(log: AccessLog, kept: &Kept, call: &Call, outcome: &Outcome) -> Vec<String> {
    let common = log.on_start(call);
    log.on_end(call, common, outcome);
    kept.take()
}

fn json(call: &Call, outcome: &Outcome) -> [Value; 2] {
    let kept = Kept::new(Level::INFO);
    let lines = lines(AccessLog::new(Arc::clone(&kept), Format::Json), &kept, call, outcome);
    let parsed: Vec<Value> = lines
        .iter()
        .map(|line| {
            assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line:?}");
            serde_json::from_str(line).unwrap()
        })
        .collect();
    parsed.try_into().unwrap()
}

fn text(call: &Call, outcome: &Outcome) -> Vec<String> {
    let kept = Kept::new(Level::INFO);
    lines(AccessLog::new(Arc::clone(&kept), Format::Text), &kept, call, outcome)
}

/// The keys of a JSON line, in the order in which they stand there; a value may hold no `":`.
fn keys(line: &str) -> Vec<&str> {
    let (before_last_value, _) = line.rsplit_once("\":").unwrap();
    before_last_value.split("\":").map(|before| before.rsplit_once('"').unwrap().1).collect()
}

#[test]
fn the_keys_of_both_lines_in_their_order() {
    let kept = Kept::new(Level::INFO);
    let call = call(
        HELLO,
        &[
            ("x-request-id", b"abc"),
            ("traceparent", TRACEPARENT.as_bytes()),
            ("grpc-timeout", b"5S"),
            ("user-agent", b"grpc-go/1.60"),
            ("x-listed", b"kept"),
            ("authorization", b"Bearer secret"),
        ],
    );
    call.add_traffic(Direction::Received, 1, 12);
    call.add_traffic(Direction::Sent, 2, 34);
    call.set_rejected_by("rate_limit");
    let log = AccessLog::new(Arc::clone(&kept), Format::Json);
    let [start, end] = lines(log, &kept, &call, &failed(b"no")).try_into().unwrap();

    assert_eq!(
        keys(&start),
        "timestamp level message request_id trace_id span_id grpc.service grpc.method grpc.type \
         grpc.deadline_ms peer.address user_agent metadata.x-listed"
            .split(' ')
            .collect::<Vec<_>>()
    );
    assert_eq!(
        keys(&end),
        "timestamp level message request_id trace_id span_id grpc.service grpc.method grpc.type \
         grpc.code grpc.message grpc.time_ms grpc.deadline_ms grpc.recv_msgs grpc.sent_msgs \
         grpc.recv_bytes grpc.sent_bytes rejected_by peer.address user_agent metadata.x-listed"
            .split(' ')
            .collect::<Vec<_>>()
    );
    assert!(!start.contains("secret") && !end.contains("secret"));

    let end: Value = serde_json::from_str(&end).unwrap();
    assert_eq!(end["level"], "ERROR");
    assert_eq!(end["message"], "finished call");
    assert_eq!(end["request_id"], "abc");
    assert_eq!(end["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(end["span_id"], call.trace().span_id().to_string());
    assert_eq!(end["grpc.service"], "helloworld.Greeter");
    assert_eq!(end["grpc.method"], "SayHello");
    assert_eq!(end["grpc.type"], "unary");
    assert_eq!(end["grpc.code"], "Internal");
    assert_eq!(end["grpc.message"], "no");
    assert_eq!(end["grpc.time_ms"], 20.0);
    assert_eq!(end["grpc.deadline_ms"], 5_000);
    assert_eq!(end["grpc.recv_msgs"], 1);
    assert_eq!(end["grpc.sent_msgs"], 2);
    assert_eq!(end["grpc.recv_bytes"], 12);
    assert_eq!(end["grpc.sent_bytes"], 34);
    assert_eq!(end["peer.address"], "192.0.2.1:5000");
    assert_eq!(end["rejected_by"], "rate_limit");
    assert_eq!(end["metadata.x-listed"], "kept");
}

#[test]
fn a_text_line() {
    let call = call(
        HELLO,
        &[
            ("x-request-id", b"abc"),
            ("traceparent", TRACEPARENT.as_bytes()),
            ("user-agent", b"a b"),
        ],
    );
    let [start, end] = text(&call, &outcome(Code::Ok)).try_into().unwrap();
    let span = call.trace().span_id();
    assert_eq!(
        &start[27..],
        format!(
            "  INFO started call request_id=abc trace_id=0af7651916cd43dd8448eb211c80319c \
             span_id={span} grpc.service=helloworld.Greeter grpc.method=SayHello grpc.type=unary \
             peer.address=192.0.2.1:5000 user_agent=\"a b\"\n"
        )
    );
    assert!(end.contains(" grpc.code=OK grpc.time_ms=1.234 grpc.recv_msgs=0 "), "{end}");
}

#[test]
fn the_lines_of_a_call_are_as_far_apart_as_it_took() {
    let call = call(HELLO, &[]);
    let [start, end] = json(&call, &outcome(Code::Ok));
    let micros = |line: &Value| line["timestamp"].as_str().unwrap()[20..26].parse::<i64>().unwrap();
    let apart = (micros(&end) - micros(&start)).rem_euclid(1_000_000);
    assert!((1_234..=1_235).contains(&apart), "{apart}");
    assert_eq!(end["grpc.time_ms"], 1.234);
}

#[test]
fn an_unknown_method_is_named_as_the_caller_did() {
    let [start, end] = json(&call("/no.Such/Method%1b", &[]), &outcome(Code::Unimplemented));
    for line in [&start, &end] {
        assert_eq!(line["grpc.service"], "no.Such");
        assert_eq!(line["grpc.method"], "Method%1b");
        assert_eq!(line["grpc.type"], "unknown");
    }
    assert_eq!(end["level"], "ERROR");

    let long = format!("/{}/{}", "s".repeat(8_192), "m".repeat(8_192));
    let [start, _] = json(&call(&long, &[]), &outcome(Code::Unimplemented));
    assert_eq!(start["grpc.service"], "s".repeat(MAX_CALLER_STRING));
    assert_eq!(start["grpc.method"], "m".repeat(MAX_CALLER_STRING));

    let [start, _] = json(&call("/nomethod", &[]), &outcome(Code::Unimplemented));
    assert_eq!((&start["grpc.service"], &start["grpc.method"]), (&"nomethod".into(), &"".into()));
}

#[test]
fn what_a_caller_sends_stays_in_its_field() {
    let evil = b"\"}\\\t\x9b31m\xe2\x80\xae x=1";
    let lossy = "\"}\\\t\u{fffd}31m\u{202e} x=1";
    let message = b"%0a%1b[2J%22%00%ff=%e2%80%a8";
    let call = call(HELLO, &[("user-agent", evil), ("x-listed", evil)]);
    let [start, end] = json(&call, &failed(message));
    for line in [&start, &end] {
        assert_eq!(line["user_agent"], lossy);
        assert_eq!(line["metadata.x-listed"], lossy);
    }
    assert_eq!(end["grpc.message"], "\n\u{1b}[2J\"\0\u{fffd}=\u{2028}");
    for line in text(&call, &failed(message)) {
        let (line, rest) = line.split_once('\n').unwrap();
        assert_eq!(rest, "");
        assert!(!line.chars().any(crate::excerpt::has_effect), "{line:?}");
        assert!(line.contains(r#"user_agent="\"}\\\t"#), "{line}");
    }
}

#[test]
fn strings_of_a_caller_are_cut_at_256_bytes_between_characters() {
    let long = format!("{}\u{20ac}{}", "a".repeat(255), "b".repeat(16_384));
    let call = call(HELLO, &[("user-agent", long.as_bytes()), ("x-listed", long.as_bytes())]);
    let [_, end] = json(&call, &failed(long.as_bytes()));
    for key in ["user_agent", "metadata.x-listed", "grpc.message"] {
        assert_eq!(end[key], "a".repeat(255), "{key}");
    }
}

#[test]
fn the_identity_of_the_peer_follows_its_address() {
    let kept = Kept::new(Level::INFO);
    let peer = Peer::local("unix:\u{1b}");
    assert!(!peer.fragment().get(Format::Json, |line| line.string(Key::new("a"), "b")).is_empty());
    let peer = peer.identity("spiffe://\"x\"");
    let mut headers = HeaderMap::new();
    headers.insert("x-request-id", HeaderValue::from_static("r"));
    let call = Call::new(Start {
        method: methods().get(HELLO).unwrap(),
        path: PathAndQuery::from_static(HELLO),
        otel: opentelemetry::Context::new(),
        propagation: Propagation::default(),
        span: None,
        logged: None,
        request_id: RequestId::accept(&headers),
        trace: TraceContext::accept(&headers, &Propagation::default(), &Sampler::default()),
        peer: Some(Arc::new(peer)),
        head: Head::read(&headers),
        started_at: SystemTime::now(),
    });
    let log = AccessLog::new(Arc::clone(&kept), Format::Json);
    for line in lines(log, &kept, &call, &outcome(Code::Ok)) {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["peer.address"], "unix:\u{1b}");
        assert_eq!(line["peer.identity"], "spiffe://\"x\"");
    }
}

/// That of the first call is kept with the connection; proxies send calls of many callers on one.
#[test]
fn each_call_has_its_own_user_agent() {
    let peer = Arc::new(Peer::local("proxy"));
    let long = "c".repeat(300);
    for (sent, logged) in
        [(long.as_str(), &long[..256]), ("a\t", "a\t"), ("b", "b"), ("a\t", "a\t")]
    {
        let call = call_of(Arc::clone(&peer), HELLO, &[("user-agent", sent.as_bytes())]);
        for line in json(&call, &outcome(Code::Ok)) {
            assert_eq!(line["user_agent"], logged);
        }
    }
    for line in json(&call_of(peer, HELLO, &[]), &outcome(Code::Ok)) {
        assert_eq!(line.get("user_agent"), None);
    }
}

#[test]
fn the_setting_says_which_lines_are_written() {
    let count = |calls, code| {
        let kept = Kept::new(Level::INFO);
        let log = AccessLog::new(Arc::clone(&kept), Format::Json).calls(calls);
        lines(log, &kept, &call(HELLO, &[]), &outcome(code)).len()
    };
    assert_eq!([count(Calls::Both, Code::Ok), count(Calls::Both, Code::Internal)], [2, 2]);
    assert_eq!([count(Calls::End, Code::Ok), count(Calls::End, Code::Internal)], [1, 1]);
    assert_eq!(
        [count(Calls::Errors, Code::NotFound), count(Calls::Errors, Code::Internal)],
        [0, 1]
    );
    assert_eq!(count(Calls::Errors, Code::Unavailable), 1);
    assert_eq!([count(Calls::Off, Code::Ok), count(Calls::Off, Code::Internal)], [0, 0]);
}

#[test]
fn health_is_left_out_unless_asked_for() {
    let count = |builtin| {
        let kept = Kept::new(Level::INFO);
        let log = AccessLog::new(Arc::clone(&kept), Format::Json).builtin(builtin);
        let call = call("/grpc.health.v1.Health/Check", &[]);
        lines(log, &kept, &call, &outcome(Code::Internal)).len()
    };
    assert_eq!([count(BuiltinCalls::Skip), count(BuiltinCalls::Log)], [0, 2]);
}

#[test]
fn a_line_that_is_not_wanted_is_not_written() {
    let kept = Kept::new(Level::WARN);
    let log = AccessLog::new(Arc::clone(&kept), Format::Json);
    assert_eq!(lines(log.clone(), &kept, &call(HELLO, &[]), &outcome(Code::Ok)).len(), 0);
    assert_eq!(lines(log, &kept, &call(HELLO, &[]), &outcome(Code::Aborted)).len(), 1);
}

#[test]
fn levels_are_those_of_the_go_middleware() {
    let of = |level| {
        let codes = CODES.into_iter().filter(|&code| level_of(code) == level);
        codes.map(|code| code as i32).collect::<Vec<_>>()
    };
    assert_eq!(of(Level::INFO), [0, 1, 3, 5, 6, 16]);
    assert_eq!(of(Level::WARN), [4, 7, 8, 9, 10, 11, 14]);
    assert_eq!(of(Level::ERROR), [2, 12, 13, 15]);
}

#[test]
fn keys_and_numbers_that_json_does_not_know() {
    let mut out = Vec::new();
    let fields = |line: &mut Line<'_>| {
        line.string(Key::new("a \"b\"\n"), "");
        line.float(Key::new("nan"), f64::NAN);
        line.float(Key::new("large"), 1e300);
        line.float(Key::new("one"), 1.0);
        line.boolean(Key::new("yes").under("fields."), true);
        line.integer(Key::new("min"), i64::MIN);
        line.millis(Key::new("ms"), Duration::from_micros(60_007_008));
    };
    let at = std::time::SystemTime::UNIX_EPOCH;
    Format::Json.render(&mut out, at, Level::DEBUG, "a \"b\"", fields);
    let line: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(line["message"], "a \"b\"");
    assert_eq!(line["a \"b\"\n"], "");
    assert_eq!(line["nan"], "NaN");
    assert_eq!(line["large"], 1e300);
    assert_eq!(line["fields.yes"], true);
    assert_eq!(line["min"], i64::MIN);
    assert_eq!(line["ms"], 60_007.008);

    out.clear();
    Format::Text.render(&mut out, at, Level::DEBUG, "a \"b\"\n", fields);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "1970-01-01T00:00:00.000000Z DEBUG a \"b\"\\n \"a \\\"b\\\"\\n\"=\"\" nan=NaN large=1e300 \
         one=1.0 fields.yes=true min=-9223372036854775808 ms=60007.008\n"
    );
}

#[test]
fn a_line_may_be_logged_while_another_is_rendered() {
    let kept = Kept::new(Level::INFO);
    let at = std::time::SystemTime::UNIX_EPOCH;
    Format::Text.write(&kept, at, Level::INFO, "outer", |line| {
        Format::Text.write(&kept, at, Level::INFO, "inner", |_| {});
        line.boolean(Key::new("whole"), true);
    });
    let [inner, outer] = kept.take().try_into().unwrap();
    assert!(inner.ends_with("inner\n") && outer.ends_with("outer whole=true\n"));
}

mod events {
    //! Tests of the lines as `tracing` events.

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone)]
    struct Written(Arc<Kept>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn emitted(call: &Call, outcome: &Outcome) -> Vec<Value> {
        let kept = Kept::new(Level::INFO);
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(Written(Arc::clone(&kept)))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let common = AccessLog::events().on_start(call);
            AccessLog::events().on_end(call, common, outcome);
        });
        kept.take().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn events_have_the_same_keys() {
        let call = call(HELLO, &[("grpc-timeout", b"5S"), ("x-listed", b"a b")]);
        let [start, end] = emitted(&call, &failed(b"%1b[2J")).try_into().unwrap();
        assert_eq!(start["message"], "started call");
        assert_eq!(start["target"], TARGET);
        assert_eq!(end["level"], "ERROR");
        assert_eq!(end["request_id"], call.request_id().as_str());
        assert_eq!(end["trace_id"], call.trace().trace_id().to_string());
        assert_eq!(end["grpc.service"], "helloworld.Greeter");
        assert_eq!(end["grpc.type"], "unary");
        assert_eq!(end["grpc.code"], "Internal");
        assert_eq!(end["grpc.message"], "\\u{1b}[2J");
        assert_eq!(end["grpc.time_ms"], 20.0);
        assert_eq!(end["grpc.deadline_ms"], 5_000);
        assert_eq!(end["peer.address"], "192.0.2.1:5000");
        assert_eq!(end["metadata"], "x-listed=\"a b\"");
        assert_eq!(end.get("peer.identity"), None);
        assert_eq!(end.get("rejected_by"), None);
    }

    #[test]
    fn the_level_of_an_event_follows_the_code() {
        let call = call("/no.Such/Method", &[]);
        for (code, level) in
            [(Code::Ok, "INFO"), (Code::Unavailable, "WARN"), (Code::Unknown, "ERROR")]
        {
            let [start, end] = emitted(&call, &outcome(code)).try_into().unwrap();
            assert_eq!((&start["level"], &end["level"]), (&"INFO".into(), &level.into()));
            assert_eq!(end["grpc.service"], "no.Such");
        }
    }
}
