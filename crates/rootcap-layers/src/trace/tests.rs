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

proptest! {
    #[test]
    fn whatever_passes_a_trace_on_is_known_as_a_header_of_a_trace(id in 1u128.., span in 1u64.., sampled: bool) {
        let flags = TraceFlags::default().with_sampled(sampled);
        let span = SpanContext::new(id.into(), span.into(), flags, false, TraceState::NONE);
        let context = Context::new().with_remote_span_context(span);
        for way in ALL {
            let mut headers = HeaderMap::new();
            Propagation::new([way]).inject(&context, &mut headers);
            prop_assert!(headers.keys().any(|name| is_header(name.as_str())), "{way:?}");
        }
    }
}

/// By the headers of W3C Trace Context.
fn accept(headers: &HeaderMap, sampler: &Sampler) -> TraceContext {
    TraceContext::accept(headers, &Propagation::default(), sampler)
}

#[test]
fn the_callers_trace_is_continued_with_a_new_span() {
    let headers = headers(&[("traceparent", EXAMPLE), ("tracestate", "rojo=00f067aa0ba902b7")]);
    let context = accept(&headers, &Sampler::default());
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
        let context = accept(&headers(&[("traceparent", value)]), &Sampler::default());
        assert_eq!(context.parent(), None, "{value}");
        assert!(!context.is_sampled());
    }
    let twice = headers(&[("traceparent", EXAMPLE), ("traceparent", EXAMPLE)]);
    assert_eq!(accept(&twice, &Sampler::default()).parent(), None);
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
        let context = accept(&headers, &Sampler::default());
        assert!(context.parent().is_some());
        assert_eq!(context.state.header(), "");
    }
}

#[test]
fn the_parents_decision_is_followed_unless_told_otherwise() {
    let not_sampled = headers(&[("traceparent", &EXAMPLE.replace("-01", "-00"))]);
    assert!(!accept(&not_sampled, &Sampler::parent_based(1.0)).is_sampled());
    assert!(accept(&not_sampled, &Sampler::ratio(1.0)).is_sampled());
    assert!(!accept(&headers(&[("traceparent", EXAMPLE)]), &Sampler::ratio(0.0)).is_sampled());
}

#[test]
fn the_ratio_holds() {
    let sampler = Sampler::parent_based(0.1);
    let sampled = (0..20_000).filter(|_| accept(&HeaderMap::new(), &sampler).is_sampled()).count();
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

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN: &str = "e457b5a2e4d86bd1";

fn accept_by(
    propagators: &[Propagator],
    pairs: &[(&'static str, &str)],
    sampler: &Sampler,
) -> TraceContext {
    let propagation = Propagation::new(propagators.iter().copied());
    TraceContext::accept(&headers(pairs), &propagation, sampler)
}

#[test]
fn the_first_well_formed_headers_count() {
    let b3 = format!("{TRACE}-{SPAN}-1");
    let both = [("traceparent", EXAMPLE), ("b3", b3.as_str())];
    let (w3c, b3_trace) = (&EXAMPLE[3..35], TRACE);
    for (propagators, headers, trace) in [
        (&[Propagator::TraceContext, Propagator::B3][..], &both[..], w3c),
        (&[Propagator::B3, Propagator::TraceContext], &both, b3_trace),
        (&[Propagator::TraceContext, Propagator::B3], &both[1..], b3_trace),
        (&[Propagator::B3Multi, Propagator::TraceContext, Propagator::B3], &both, w3c),
        (&[Propagator::TraceContext, Propagator::B3], &[("traceparent", "x"), both[1]], b3_trace),
    ] {
        let context = accept_by(propagators, headers, &Sampler::PARENT);
        assert_eq!(context.trace_id().to_string(), trace);
        assert!(context.parent().is_some() && context.is_sampled());
    }
    for (propagators, headers) in [
        (&[Propagator::B3][..], &both[..1]),
        (&[], &both),
        (&[Propagator::B3], &[("b3", &b3), ("b3", &b3)]),
        (&[Propagator::B3], &[("b3", "malformed")]),
    ] {
        assert_eq!(accept_by(propagators, headers, &Sampler::PARENT).parent(), None);
    }
}

#[test]
fn decisions_in_b3() {
    let (always, never) = (Sampler::parent_based(1.0), Sampler::parent_based(0.0));
    let b3 = |value: &str, sampler| accept_by(&[Propagator::B3], &[("b3", value)], sampler);
    let deferred = format!("{TRACE}-{SPAN}");
    assert!(b3(&deferred, &always).is_sampled() && !b3(&deferred, &never).is_sampled());
    assert!(b3(&deferred, &never).parent().is_some());
    for (decision, sampled) in [("0", false), ("1", true), ("d", true)] {
        for sampler in [&always, &never] {
            assert_eq!(b3(&format!("{deferred}-{decision}"), sampler).is_sampled(), sampled);
            let alone = b3(decision, sampler);
            assert_eq!((alone.is_sampled(), alone.parent()), (sampled, None));
        }
    }
}

#[test]
fn several_headers_of_b3_come_once_each() {
    let sent = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")];
    let context = accept_by(&[Propagator::B3Multi], &sent, &Sampler::PARENT);
    assert_eq!(context.trace_id().to_string(), TRACE);
    assert_eq!(context.parent().unwrap().to_string(), SPAN);
    let twice = [&sent[..], &[("x-b3-flags", "1"), ("x-b3-flags", "0")]].concat();
    assert_eq!(accept_by(&[Propagator::B3Multi], &twice, &Sampler::PARENT).parent(), None);
}

const ALL: [Propagator; 3] = [Propagator::TraceContext, Propagator::B3, Propagator::B3Multi];

#[test]
fn what_is_injected_replaces_what_was_there() {
    let mut out = headers(&[("tracestate", "old=1"), ("x-b3-flags", "1"), ("b3", "d")]);
    let context = accept(&headers(&[("traceparent", EXAMPLE)]), &Sampler::PARENT).to_otel();
    Propagation::new(ALL).inject(&context, &mut out);
    assert_eq!(out.keys().count(), 5, "{out:?}");
    assert_eq!(out["x-b3-sampled"], "1");
    let mut untouched = HeaderMap::new();
    Propagation::new(ALL).inject(&Context::new(), &mut untouched);
    assert!(untouched.is_empty());
}

proptest! {
    #[test]
    fn each_way_brings_back_what_it_was_given(
        trace in 1u128.., span in 1u64.., decision in 0usize..3, way in 0usize..3,
    ) {
        let mut sent = HeaderMap::new();
        let value = format!("{trace:032x}-{span:016x}-{}", ["0", "1", "d"][decision]);
        sent.insert("b3", HeaderValue::from_str(&value).unwrap());
        let first = TraceContext::accept(&sent, &Propagation::new(ALL), &Sampler::PARENT);
        let mut passed_on = HeaderMap::new();
        let propagation = Propagation::new([ALL[way]]);
        propagation.inject(&first.to_otel(), &mut passed_on);
        let second = TraceContext::accept(&passed_on, &propagation, &Sampler::PARENT);
        prop_assert_eq!(second.trace_id(), first.trace_id());
        prop_assert_eq!(second.parent(), Some(first.span_id()));
        prop_assert_eq!(second.is_sampled(), first.is_sampled());
        prop_assert_eq!(second.debugged, decision == 2 && ALL[way] != Propagator::TraceContext);
    }

    #[test]
    fn any_headers_are_accepted_without_panic(
        values in proptest::collection::vec((0usize..6, proptest::collection::vec(any::<u8>(), 0..60)), 0..8),
    ) {
        let names = ["traceparent", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(names[name], value);
            }
        }
        let context = TraceContext::accept(&headers, &Propagation::new(ALL), &Sampler::PARENT);
        prop_assert!(context.trace_id() != TraceId::INVALID && context.span_id() != SpanId::INVALID);
    }
}
