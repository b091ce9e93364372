#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, HeaderValue};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use proptest::prelude::*;

use super::*;

const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    });
    let mut headers = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

#[test]
fn the_callers_trace_is_continued_with_a_new_span() {
    let headers = headers(&[("traceparent", EXAMPLE), ("tracestate", "rojo=00f067aa0ba902b7")]);
    let context = TraceContext::accept(&headers, &Sampler::default());
    assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.parent().unwrap().to_string(), "00f067aa0ba902b7");
    assert_ne!(context.span_id(), context.parent().unwrap());
    assert!(context.is_sampled());
    let otel = context.to_otel();
    let span = otel.span().span_context().clone();
    assert_eq!((span.trace_id(), span.span_id()), (context.trace_id(), context.span_id()));
    assert_eq!(span.trace_state().header(), "rojo=00f067aa0ba902b7");
}

#[test]
fn a_malformed_or_repeated_traceparent_starts_a_new_trace() {
    let malformed = [
        "",
        "00",
        "00-0-0-0",
        &EXAMPLE[..54],
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
    ];
    for value in malformed {
        let context =
            TraceContext::accept(&headers(&[("traceparent", value)]), &Sampler::default());
        assert_eq!(context.parent(), None, "{value}");
        assert!(!context.is_sampled());
    }
    let twice = headers(&[("traceparent", EXAMPLE), ("traceparent", EXAMPLE)]);
    assert_eq!(TraceContext::accept(&twice, &Sampler::default()).parent(), None);
}

#[test]
fn a_higher_version_may_be_longer() {
    let value = EXAMPLE.replacen("00", "cc", 1) + "-what-the-future-brings";
    assert!(TraceParent::parse(value.as_bytes()).is_ok());
}

#[test]
fn an_unacceptable_tracestate_does_not_end_the_trace() {
    for state in ["no equals sign", &format!("a={}", "x".repeat(600))] {
        let headers = headers(&[("traceparent", EXAMPLE), ("tracestate", state)]);
        let context = TraceContext::accept(&headers, &Sampler::default());
        assert!(context.parent().is_some());
        assert_eq!(context.state.header(), "");
    }
}

#[test]
fn the_parents_decision_is_followed_unless_told_otherwise() {
    let not_sampled = headers(&[("traceparent", &EXAMPLE.replace("-01", "-00"))]);
    assert!(!TraceContext::accept(&not_sampled, &Sampler::parent_based(1.0)).is_sampled());
    assert!(TraceContext::accept(&not_sampled, &Sampler::ratio(1.0)).is_sampled());
    assert!(
        !TraceContext::accept(&headers(&[("traceparent", EXAMPLE)]), &Sampler::ratio(0.0))
            .is_sampled()
    );
}

#[test]
fn the_ratio_holds() {
    let sampler = Sampler::parent_based(0.1);
    let sampled = (0..20_000)
        .filter(|_| TraceContext::accept(&HeaderMap::new(), &sampler).is_sampled())
        .count();
    // Ten standard deviations of 20,000 draws at 10 %.
    assert!((1_576..=2_424).contains(&sampled), "{sampled}");
}

proptest! {
    #[test]
    fn every_well_formed_value_parses(trace in 1u128.., span in 1u64.., flags in any::<u8>()) {
        let value = format!("00-{trace:032x}-{span:016x}-{flags:02x}");
        let parsed = TraceParent::parse(value.as_bytes()).unwrap();
        prop_assert_eq!(parsed, TraceParent {
            trace_id: TraceId::from(trace), span_id: SpanId::from(span), flags: TraceFlags::new(flags),
        });
    }

    #[test]
    fn any_bytes_parse_without_panic(value in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = TraceParent::parse(&value);
    }
}
