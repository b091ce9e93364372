//! The limit, and what a caller over it is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{num::NonZeroUsize, sync::Arc, thread, time::Duration};

use http::Request;
use proptest::prelude::*;
use tonic_types::StatusExt;
use tower::ServiceBuilder;

use super::*;
use crate::{
    MethodKind, Methods, Origin,
    contract::{MESSAGE, Script, Seen, Stack, Step, next, rejected},
    observe::ObserveLayer,
};

fn max(max: usize) -> NonZeroUsize {
    NonZeroUsize::new(max).unwrap()
}

fn open() -> Script {
    Script::body(&[Step::Data(MESSAGE), Step::Hang])
}

proptest! {
    #[test]
    fn never_too_many_and_never_too_few(limit in 1usize..20, steps in proptest::collection::vec(any::<bool>(), 0..200)) {
        let limit = Limit::new(max(limit));
        let mut permits = Vec::new();
        for acquire in steps {
            if acquire {
                let room = permits.len() < limit.max().get();
                let permit = limit.try_acquire();
                prop_assert_eq!(permit.is_some(), room);
                permits.extend(permit);
            } else {
                permits.pop();
            }
            prop_assert_eq!(limit.in_flight(), permits.len());
        }
    }
}

#[test]
fn threads_share_the_limit() {
    let limit = Limit::new(max(3));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let permit = limit.try_acquire();
                    assert!((1..=3).contains(&limit.in_flight()) || permit.is_none());
                }
            });
        }
    });
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn a_caller_over_the_limit_is_told_why_and_when() {
    let layer = ConcurrencyLayer::new(max(2));
    let stack = Stack::new(layer.clone());
    let _open = [stack.call(open()).await.unwrap(), stack.call(open()).await.unwrap()];
    assert_eq!(layer.limit().unwrap().in_flight(), 2);

    let response = stack.call(Script::unary()).await.unwrap();
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(
        status.message(),
        "/a.B/C: 2 calls are in flight, which is the limit (rule `concurrency`); retry after 100ms"
    );
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(100)));
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
    let in_flight = || layer.limit().unwrap().in_flight();
    let stack = Stack::new(layer.clone());
    for script in [
        Script::unary(),
        Script::status("5"),
        Script::head(&[Step::Fail]),
        Script::body(&[Step::Data(MESSAGE), Step::Fail]),
    ] {
        if let Ok(response) = stack.call(script).await {
            assert_eq!(in_flight(), 1);
            Seen::read(response).await;
        }
        assert_eq!(in_flight(), 0);
    }
    let mut body = stack.call(open()).await.unwrap().into_body();
    next(&mut body).await.unwrap().unwrap();
    assert_eq!(in_flight(), 1);
    drop(body);
    assert_eq!(in_flight(), 0);
    assert_eq!(stack.probe.served(), 5);
}

#[tokio::test]
async fn a_refused_call_takes_no_permit() {
    let layer = ConcurrencyLayer::new(max(1));
    let stack = Stack::new(layer.clone());
    let open = stack.call(open()).await.unwrap();
    let refused = stack.call(Script::unary()).await.unwrap();
    drop(open);
    assert_eq!(layer.limit().unwrap().in_flight(), 0);
    drop(refused);
    assert_eq!(layer.limit().unwrap().in_flight(), 0);
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
    assert_eq!(layer.limit().unwrap().in_flight(), 0);
    let _open = stack.call(open()).await.unwrap();
    let refused = Seen::read(stack.call(open()).await.unwrap()).await;
    assert_eq!(refused.status(), Some("8"));
    assert!(!health().await.unwrap().headers().contains_key("grpc-status"));
}

#[test]
fn refusals_are_counted_by_policy() {
    let counted = rejected(async || {
        let stack = Stack::new(ConcurrencyLayer::new(max(1)));
        let _open = stack.call(open()).await.unwrap();
        for _ in 0..3 {
            stack.call(Script::unary()).await.unwrap();
        }
    });
    assert_eq!(counted, [("concurrency".to_owned(), 3)].into());
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let layer = ConcurrencyLayer::unlimited();
    assert!(layer.limit().is_none());
    let stack = Stack::new(layer);
    let mut open_calls = Vec::new();
    for _ in 0..100 {
        open_calls.push(stack.call(open()).await.unwrap());
    }
    assert_eq!(stack.probe.served(), 100);
}
