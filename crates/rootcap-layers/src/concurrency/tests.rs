//! The limits, and what a caller over one is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod callers;
mod changes;
mod queue;

use std::{num::NonZeroUsize, sync::Arc, thread, time::Duration};

use http::Request;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::ServiceBuilder;

use super::*;
use crate::{
    MethodKind, Methods, Origin,
    admission::{Caller, ShedCode, TrustedProxies},
    concurrency::{
        limit::{Asked, Asking, Limit},
        name::Id,
    },
    contract::{MESSAGE, Script, Seen, Stack, Step, Steps, counted, next},
    observe::ObserveLayer,
};

fn max(max: usize) -> NonZeroUsize {
    NonZeroUsize::new(max).unwrap()
}

fn open() -> Script {
    Script::body(&[Step::Data(MESSAGE), Step::Hang])
}

fn layer(rules: impl IntoIterator<Item = ConcurrencyRule>) -> ConcurrencyLayer {
    with_code(rules, ShedCode::default())
}

fn with_code(rules: impl IntoIterator<Item = ConcurrencyRule>, code: ShedCode) -> ConcurrencyLayer {
    let rules = ConcurrencyRules::new(rules, TrustedProxies::default(), code);
    ConcurrencyLayer::rules(rules.unwrap())
}

fn limits(layer: &ConcurrencyLayer) -> &[Arc<Limit>] {
    layer.limits().unwrap().limits()
}

/// Of the layer's first rule.
fn state(layer: &ConcurrencyLayer) -> ConcurrencyState {
    layer.limits().unwrap().states(10).remove(0)
}

fn in_flight(layer: &ConcurrencyLayer) -> usize {
    state(layer).in_flight
}

/// A request that is to go like this, with this metadata.
fn request(script: Script, key: &'static str, value: &str) -> Request<Steps> {
    let mut request = script.request();
    request.headers_mut().insert(key, value.parse().unwrap());
    request
}

#[test]
fn threads_share_the_limit() {
    let limit = Arc::new(Limit::new(ConcurrencyRule::new("three", max(3))));
    let asking = Asking { method: None, deadline: None, now: Instant::now() };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let asked = limit.ask((Id::ALL, Caller::Unknown), asking);
                    let in_flight = limit.state(asking.now, 0).in_flight;
                    assert!((1..=3).contains(&in_flight) || asked.is_err());
                    assert!(!matches!(asked, Ok(Asked::Waits(_))));
                }
            });
        }
    });
    assert_eq!(limit.state(asking.now, 0).in_flight, 0);
    let counts = limit.tally().counts();
    assert!(counts.allowed >= 1_000 && counts.allowed + counts.refused == 4_000, "{counts:?}");
}

#[tokio::test]
async fn a_caller_over_the_limit_is_told_why_and_when() {
    let layer = ConcurrencyLayer::new(max(2));
    let stack = Stack::new(layer.clone());
    let _open = [stack.call(open()).await.unwrap(), stack.call(open()).await.unwrap()];
    assert_eq!(in_flight(&layer), 2);

    let response = stack.call(Script::unary()).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    let said =
        "/a.B/C: 2 calls are in flight, which is the limit (rule `concurrency`); retry after ";
    assert!(status.message().starts_with(said), "{}", status.message());
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!((100..=200).contains(&delay.as_millis()), "{delay:?}");
    let pushback: u128 =
        response.headers()["grpc-retry-pushback-ms"].to_str().unwrap().parse().unwrap();
    assert_eq!(delay.as_millis(), pushback);
    let info = status.get_details_error_info().unwrap();
    assert_eq!((&*info.reason, &*info.domain), ("CONCURRENCY_LIMIT_EXCEEDED", "rootcap"));
    for (key, value) in
        [("rule", "concurrency"), ("limit", "2"), ("in_flight", "2"), ("queue_time_ms", "0")]
    {
        assert_eq!(info.metadata[key], value, "{key}");
    }
}

/// The same numbers are put into words once; others are others.
#[tokio::test]
async fn what_is_said_follows_the_numbers() {
    let layer = ConcurrencyLayer::new(max(1));
    let stack = Stack::new(layer.clone());
    let mut held = vec![stack.call(open()).await.unwrap()];
    for limit in [1, 1, 2, 1] {
        layer.limits().unwrap().change(POLICY, |bounds| Bounds { limit: max(limit), ..bounds });
        while in_flight(&layer) < limit {
            held.push(stack.call(open()).await.unwrap());
        }
        held.truncate(limit);
        let response = stack.call(Script::unary()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        let said = format!("/a.B/C: {limit} calls are in flight, ");
        assert!(status.message().starts_with(&said), "{}", status.message());
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (&info.metadata["limit"], &info.metadata["in_flight"]),
            (&limit.to_string(), &limit.to_string())
        );
    }
}

#[tokio::test]
async fn the_status_is_that_of_the_setting() {
    let layer = with_code([ConcurrencyRule::new("one", max(1))], ShedCode::ResourceExhausted);
    let stack = Stack::new(layer);
    let _open = stack.call(open()).await.unwrap();
    let seen = Seen::read(stack.call(Script::unary()).await.unwrap()).await;
    assert_eq!(seen.status(), Some("8"));
}

#[tokio::test]
async fn what_a_caller_controls_is_cut() {
    let stack = Stack::new(ConcurrencyLayer::new(max(1)));
    let _open = stack.call(open()).await.unwrap();
    let mut request = Script::unary().request();
    *request.uri_mut() = format!("/a.B/{}", "x".repeat(16 * 1024)).parse().unwrap();
    let seen = Seen::read(stack.send(request).await.unwrap()).await;
    assert!(seen.message().unwrap().len() < 400);
}

#[tokio::test]
async fn every_end_gives_the_permit_back() {
    let layer = ConcurrencyLayer::new(max(1));
    let stack = Stack::new(layer.clone());
    for script in [
        Script::unary(),
        Script::status("5"),
        Script::head(&[Step::Fail]),
        Script::body(&[Step::Data(MESSAGE), Step::Fail]),
    ] {
        if let Ok(response) = stack.call(script).await {
            assert_eq!(in_flight(&layer), 1);
            Seen::read(response).await;
        }
        assert_eq!(in_flight(&layer), 0);
    }
    let mut body = stack.call(open()).await.unwrap().into_body();
    next(&mut body).await.unwrap().unwrap();
    assert_eq!(in_flight(&layer), 1);
    drop(body);
    assert_eq!(in_flight(&layer), 0);
    assert_eq!(stack.probe.served(), 5);
}

#[tokio::test]
async fn a_refused_call_takes_no_permit() {
    let layer = ConcurrencyLayer::new(max(1));
    let stack = Stack::new(layer.clone());
    let open = stack.call(open()).await.unwrap();
    let refused = stack.call(Script::unary()).await.unwrap();
    drop(open);
    assert_eq!(in_flight(&layer), 0);
    drop(refused);
    assert_eq!(in_flight(&layer), 0);
}

#[tokio::test]
async fn builtin_methods_neither_take_a_permit_nor_need_one() {
    let methods = Methods::builder()
        .method("a.B", "C", MethodKind::Unary, Origin::User)
        .method("health", "Check", MethodKind::Unary, Origin::Builtin)
        .build();
    let layer = ConcurrencyLayer::new(max(1));
    let observe = ObserveLayer::new((), Arc::new(methods));
    let stack = Stack::new(ServiceBuilder::new().layer(observe).layer(layer.clone()).into_inner());
    let health = || {
        let mut request: Request<_> = open().request();
        *request.uri_mut() = "/health/Check".parse().unwrap();
        stack.send(request)
    };
    let _health = health().await.unwrap();
    assert_eq!(in_flight(&layer), 0);
    let _open = stack.call(open()).await.unwrap();
    let refused = Seen::read(stack.call(open()).await.unwrap()).await;
    assert_eq!(refused.status(), Some("14"));
    assert!(!health().await.unwrap().headers().contains_key("grpc-status"));
}

#[test]
fn decisions_are_counted_by_method_and_reason() {
    let counted = counted(async || {
        let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::User);
        let observe = ObserveLayer::new((), Arc::new(methods.build()));
        let layer = ConcurrencyLayer::new(max(1));
        let stack = Stack::new(ServiceBuilder::new().layer(observe).layer(layer).into_inner());
        let _open = stack.call(open()).await.unwrap();
        for _ in 0..3 {
            stack.call(Script::unary()).await.unwrap();
        }
    });
    let series = |decision, reason| {
        counted[&format!(
            "rootcap_limit_decisions_total{{rule=concurrency,grpc_service=a.B,grpc_method=C,decision={decision},reason={reason}}}"
        )]
    };
    assert_eq!(series("allowed", ""), 1);
    assert_eq!(series("shed", "CONCURRENCY_LIMIT_EXCEEDED"), 3);
    assert_eq!(series("shed", "QUEUE_FULL"), 0);
    assert_eq!(counted["rootcap_rejected_total{policy=concurrency}"], 3);
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    for layer in [ConcurrencyLayer::unlimited(), layer([])] {
        let stack = Stack::new(layer);
        let mut open_calls = Vec::new();
        for _ in 0..100 {
            open_calls.push(stack.call(open()).await.unwrap());
        }
        assert_eq!(stack.probe.served(), 100);
    }
}

#[test]
fn each_rule_needs_a_name_of_its_own() {
    let rules = ["a", "b", "a"].map(|name| ConcurrencyRule::new(name, max(1)));
    let rules = ConcurrencyRules::new(rules, TrustedProxies::default(), ShedCode::default());
    assert_eq!(rules.unwrap_err().to_string(), "two rules have the name `a`; each needs its own");
}

#[tokio::test]
async fn a_rule_is_about_the_calls_that_it_matches() {
    let layer = layer([
        ConcurrencyRule::new("all", max(3)),
        ConcurrencyRule::new("service", max(2)).matching("/a.B/*".parse().unwrap()),
        ConcurrencyRule::new("method", max(1)).matching("/a.B/C".parse().unwrap()),
    ]);
    let stack = Stack::new(layer.clone());
    let call = async |path: &str| {
        let mut request = open().request();
        *request.uri_mut() = path.parse().unwrap();
        stack.send(request).await.unwrap()
    };
    let mut held = Vec::new();
    for (path, refused_by) in [
        ("/a.B/C", None),
        ("/a.B/C", Some("method")),
        ("/a.B/D", None),
        ("/a.B/D", Some("service")),
        ("/x.Y/Z", None),
        ("/x.Y/Z", Some("all")),
        ("/a.B/C", Some("method")),
    ] {
        let response = call(path).await;
        let status = Status::from_header_map(response.headers());
        let rule =
            status.map(|status| status.get_details_error_info().unwrap().metadata["rule"].clone());
        assert_eq!(rule.as_deref(), refused_by, "{path}");
        held.push(response);
    }
    drop(held);
    let in_flight = limits(&layer).iter().map(|limit| limit.state(Instant::now(), 0).in_flight);
    assert_eq!(in_flight.collect::<Vec<_>>(), [0, 0, 0]);
}
