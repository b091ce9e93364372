//! Health and reflection: any body is answered with well-formed messages and a status, and makes no service known.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use rootcap::{fuzzing, health::Health};

static HEALTH: LazyLock<Health> = LazyLock::new(fuzzing::health);

/// The methods, with the most messages that one call may be answered with for a message.
const METHODS: [(&str, usize); 4] = [
    ("/grpc.health.v1.Health/Check", 1),
    ("/grpc.health.v1.Health/List", 1),
    ("/grpc.health.v1.Health/Watch", 1),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", usize::MAX),
];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, body)) = data.split_first() else { return };
    let (path, most) = METHODS[usize::from(choice) % METHODS.len()];
    let (head, body) = rootcap_fuzz::run(async {
        let response = fuzzing::call_builtin(&HEALTH, path, Bytes::copy_from_slice(body)).await;
        let (head, body) = response.into_parts();
        (head, body.collect().await.expect("an error is a status in the trailers"))
    });
    let trailers = body.trailers().cloned().unwrap_or_default();
    let status = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
    let status = status.and_then(|status| status.to_str().ok()).expect("a status");
    // A body that cannot be read is INTERNAL, and no panic: that would be UNKNOWN or nothing at all.
    assert!(["0", "3", "5", "8", "11", "12", "13"].contains(&status), "{status}");

    let mut messages = 0;
    let body = body.to_bytes();
    let mut rest = &body[..];
    while let [0, a, b, c, d, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        (messages, rest) = (messages + 1, after.get(length..).expect("a whole message"));
    }
    assert!(rest.is_empty() && messages <= most);
    assert_eq!(fuzzing::known(&HEALTH), ["", "helloworld.Greeter"]);
});
