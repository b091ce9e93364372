//! `traceparent`, `tracestate`, `b3` and `x-b3-...`: a caller's trace goes on, or a new one begins, and what is passed
//! on is understood by the next server as it was meant.

#![no_main]

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use rootcap_fuzz::{
    Head,
    observed::{self, Body, Observed, RequestBody},
};
use rootcap_layers::{
    Methods,
    trace::{Propagation, Propagator, Sampler, TraceContext, TraceParent},
};
use std::sync::{Arc, LazyLock};

const WAYS: [&[Propagator]; 5] = [
    &[Propagator::TraceContext],
    &[Propagator::B3],
    &[Propagator::B3Multi],
    &[Propagator::TraceContext, Propagator::B3, Propagator::B3Multi],
    &[Propagator::B3Multi, Propagator::B3, Propagator::TraceContext],
];

/// A handler under the layers, for each of the ways.
static OBSERVED: LazyLock<Vec<(Propagation, Observed)>> = LazyLock::new(|| {
    let methods = Arc::new(Methods::builder().build());
    let ways = WAYS.into_iter().map(|ways| Propagation::new(ways.iter().copied()));
    ways.map(|way| (way, Observed::new(&methods, way, handle))).collect()
});

async fn handle(_: http::Request<RequestBody>) -> http::Response<Body> {
    http::Response::default()
}

fuzz_target!(|data: &[u8]| {
    let headers = Head::read(data).headers;
    for (way, observed) in OBSERVED.iter() {
        let mut request = http::Request::new(observed::body(&[], 1, None));
        *request.headers_mut() = headers.clone();
        let call = observed.send(request).call;
        check(&headers, way, &call);
    }
});

fn check(headers: &HeaderMap, way: &Propagation, call: &rootcap_layers::Call) {
    let trace = call.trace();
    let (id, span) = (trace.trace_id(), trace.span_id());
    assert!(id != 0_u128.into() && span != 0_u64.into());
    if let Some(parent) = trace.parent() {
        // Both stand in the headers, in lower case; a trace of 64 bits has no upper half there.
        assert!(parent != 0_u64.into());
        let (id, parent) = (id.to_string(), parent.to_string());
        let somewhere = |text: &str| {
            headers.values().any(|value| {
                value.as_bytes().windows(text.len()).any(|window| window == text.as_bytes())
            })
        };
        let short = id.strip_prefix("0000000000000000");
        assert!(somewhere(&parent) && (somewhere(&id) || short.is_some_and(somewhere)));
    }

    let mut onward = HeaderMap::new();
    call.inject(&mut onward);
    assert!(onward.values().all(|value| value.len() <= 512));
    assert!(
        onward
            .values()
            .all(|value| value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)))
    );
    if let Some(parent) = onward.get("traceparent") {
        let parent = TraceParent::parse(parent.as_bytes()).expect("well-formed");
        assert_eq!((parent.trace_id, parent.span_id), (id, span));
    }
    let next = TraceContext::accept(&onward, way, &Sampler::default());
    assert_eq!((next.trace_id(), next.parent()), (id, Some(span)));
    assert_eq!(next.is_sampled(), trace.is_sampled());
}
