//! How a call ended, read from the response of a handler that may pass on what others sent: never OK unless it says
//! so, and never a message that takes the code away from the caller.

#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;
use rootcap_fuzz::{
    Head, lines,
    observed::{self, Body, Observed, RequestBody},
};
use rootcap_layers::{Methods, outcome::MAX_MESSAGE, trace::Propagation};
use tonic::Code;

/// What the handler answers next.
static NEXT: Mutex<Option<Response<Body>>> = Mutex::new(None);

static OBSERVED: LazyLock<Observed> = LazyLock::new(|| {
    let methods = Arc::new(Methods::builder().build());
    Observed::new(&methods, Propagation::default(), handle)
});

async fn handle(_: Request<RequestBody>) -> Response<Body> {
    NEXT.lock().expect("not poisoned").take().expect("set before each call")
}

fuzz_target!(|data: &[u8]| {
    let head = Head::read(data);
    let status = StatusCode::from_bytes(head.first).unwrap_or(StatusCode::OK);
    let trailers = Head::read(head.rest);
    let has_trailers = !head.rest.is_empty();
    let body = observed::body(trailers.rest, 3, has_trailers.then(|| trailers.headers.clone()));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = head.headers.clone();
    *NEXT.lock().expect("not poisoned") = Some(response);
    let seen = OBSERVED.send(Request::new(Body::default()));

    let (said, now) = match head.headers.contains_key("grpc-status") {
        true => (Some(&head.headers), Some(&seen.head.headers)),
        false if status != StatusCode::OK => (None, None),
        false => (Some(&trailers.headers), seen.trailers.as_ref()),
    };
    let code = said.and_then(code);
    match code {
        Some(code) => assert_eq!(seen.outcome.code(), code),
        None => assert_ne!(seen.outcome.code(), Code::Ok),
    }
    if let (Some(_), Some(said), Some(now)) = (code, said, now) {
        the_message_is_the_beginning(
            said.get("grpc-message"),
            now.get("grpc-message"),
            &seen.outcome,
        );
    }
    seen.json.iter().for_each(|line| drop(lines::json(line)));
    seen.text.iter().for_each(|line| drop(lines::text(line)));
});

/// The code that a header or trailers say.
fn code(headers: &HeaderMap) -> Option<Code> {
    let text = headers.get("grpc-status")?.as_bytes();
    let number = (0..=16).find(|code: &i32| code.to_string().as_bytes() == text);
    Some(number.map_or(Code::Unknown, Code::from))
}

fn the_message_is_the_beginning(
    said: Option<&HeaderValue>,
    now: Option<&HeaderValue>,
    outcome: &rootcap_layers::Outcome,
) {
    let (Some(said), Some(now)) = (said, now) else {
        assert_eq!((said, now), (None, None));
        return;
    };
    let decode =
        |value: &HeaderValue| percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned();
    assert!(now.len() <= MAX_MESSAGE);
    assert_eq!(outcome.message().as_deref(), Some(&*decode(now)));
    if said.len() <= MAX_MESSAGE {
        assert_eq!(said, now);
    } else {
        let kept = decode(now);
        let kept = kept.strip_suffix("...").expect("what is cut says so");
        assert!(decode(said).starts_with(kept));
    }
}
