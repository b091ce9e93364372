//! The text, line by line and as a whole.

use std::time::Duration;

use tonic::Code;

use super::*;
use crate::{
    call::{Direction, PhaseTimes, Record},
    method::{MethodKind, Origin},
};

#[test]
fn a_known_method_is_there_at_zero_and_counts() {
    let methods = Methods::builder()
        .buckets(&[0.5, 1.0])
        .method("a.B", "C", MethodKind::Unary, Origin::User)
        .build();
    let labels = r#"grpc_type="unary",grpc_service="a.B",grpc_method="C""#;
    assert!(
        render(&methods)
            .contains(&format!("grpc_server_handled_total{{{labels},grpc_code=\"OK\"}} 0\n"))
    );

    let method = methods.get("/a.B/C").expect("known");
    method.stats().start();
    method.stats().end(&Record {
        code: Code::NotFound,
        duration: Duration::from_millis(750),
        phases: PhaseTimes::default(),
        received_bytes: 10,
        sent_bytes: 20,
        panicked: false,
    });
    let text = render(&methods);
    for line in [
        "grpc_server_started_total{L} 1",
        "grpc_server_handled_total{L,grpc_code=\"NotFound\"} 1",
        "grpc_server_handling_seconds_bucket{L,le=\"0.5\"} 0",
        "grpc_server_handling_seconds_bucket{L,le=\"1\"} 1",
        "grpc_server_handling_seconds_bucket{L,le=\"+Inf\"} 1",
        "grpc_server_handling_seconds_sum{L} 0.75",
        "grpc_server_handling_seconds_count{L} 1",
        "rootcap_calls_in_flight{L} 0",
        "rootcap_call_received_bytes_total{L} 10",
    ] {
        let line = line.replace("{L", &format!("{{{labels}"));
        assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
    }
}

/// A page, word for word: two methods, of which one has a name that must be escaped, every kind of metric, and calls of
/// several codes, latencies and phases.
#[test]
fn the_text_is_this_one() {
    let methods = Methods::builder()
        .buckets(&[0.005, 0.5, 1.0, 1e7])
        .method("a.B", "C", MethodKind::Unary, Origin::User)
        .method("a.B", "D\"\\\n", MethodKind::BidiStream, Origin::User)
        .build();
    for (path, code, millis) in [
        ("/a.B/C", Code::Ok, 3),
        ("/a.B/C", Code::DataLoss, 700),
        ("/a.B/D\"\\\n", Code::Unauthenticated, 1_234),
        ("/a.B/D\"\\\n", Code::Ok, 1_000_000_000_000),
    ] {
        let method = methods.get(path).expect("known");
        method.stats().start();
        method.stats().messages(Direction::Received, millis);
        method.stats().messages(Direction::Sent, 1);
        method.stats().end(&Record {
            code,
            duration: Duration::from_millis(millis),
            phases: PhaseTimes([0, 1, 2, 3, 4].map(|part| part * millis * 100_003)),
            received_bytes: 10,
            sent_bytes: millis * 20,
            panicked: code == Code::DataLoss,
        });
    }
    methods.unknown().stats().start();
    similar(&render(&methods), include_str!("expected.txt"));
}

/// Line by line: a difference in a page of two hundred lines is found where it is.
fn similar(found: &str, expected: &str) {
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", number + 1);
    }
    assert!(found == expected, "one is longer:\n{found}");
}
