//! Deadlines, with the clock stopped.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request};
use http_body::Body;
use tokio::time::{Instant, advance, timeout};
use tower::{Layer, ServiceBuilder, layer::util::Stack as Layers};

use super::*;
use crate::{
    Call, Methods, Origin,
    contract::{MESSAGE, Script, Seen, Stack, Step, Steps, next},
    method::MethodKind,
    observe::{ObserveLayer, Observer},
    outcome::Outcome,
};

const MESSAGE_STEP: Step = Step::Data(MESSAGE);

fn request(script: Script, timeout: &'static str) -> Request<Steps> {
    let mut request = script.request();
    request.headers_mut().insert("grpc-timeout", HeaderValue::from_static(timeout));
    request
}

fn max(millis: u64) -> DeadlineLayer {
    DeadlineLayer::new().max(Duration::from_millis(millis))
}

/// What the caller sees, and after how many milliseconds.
async fn see(stack: &Stack, request: Request<Steps>) -> (Seen, u128) {
    let start = Instant::now();
    let seen = Seen::read(stack.send(request).await.unwrap()).await;
    (seen, start.elapsed().as_millis())
}

fn observed(layer: DeadlineLayer) -> Layers<DeadlineLayer, ObserveLayer<()>> {
    let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::User).build();
    Layers::new(layer, ObserveLayer::new((), Arc::new(methods)))
}

/// With and without a call to read.
fn both(layer: DeadlineLayer) -> [Stack; 2] {
    [Stack::new(layer.clone()), Stack::new(observed(layer))]
}

#[tokio::test(start_paused = true)]
async fn a_pending_call_ends_with_a_response() {
    for stack in both(DeadlineLayer::new()) {
        let (seen, after) = see(&stack, request(Script::head(&[Step::Hang]), "1500m")).await;
        assert!(seen.is_trailers_only(), "{seen:?}");
        assert_eq!((seen.status(), after), (Some("4"), 1_500));
        assert_eq!(stack.probe.live(), 0, "the handler is dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_ends_in_the_same_way_at_once() {
    let cancel = Step::Run(|| Call::current().unwrap().cancel());
    let stack = Stack::new(observed(max(60_000)));
    let head = Script::head(&[cancel.clone(), Step::Hang]);
    let body = Script::body(&[MESSAGE_STEP, cancel.clone(), Step::Hang]);
    for (script, in_head) in [(head, true), (body, false)] {
        let (seen, after) = see(&stack, script.request()).await;
        assert_eq!((seen.status(), after, seen.is_trailers_only()), (Some("1"), 0, in_head));
        assert_eq!(seen.message().unwrap(), "cancelled by an operator");
        assert_eq!(stack.probe.live(), 0, "the handler is dropped");
    }
    let (seen, _) = see(&stack, Script::head(&[cancel]).request()).await;
    assert_eq!(seen.status(), Some("0"), "it did not have to wait");
}

/// As one does that waits for room on its connection.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_first_polled_after_its_deadline_does_not_begin() {
    let begun = std::cell::Cell::new(false);
    let mut service = max(100).layer(tower::service_fn(|_: Request<Steps>| {
        let begun = &begun;
        async move {
            begun.set(true);
            Ok::<_, std::convert::Infallible>(http::Response::new(Steps::default()))
        }
    }));
    let call = tower_service::Service::call(&mut service, Script::unary().request());
    advance(Duration::from_millis(100)).await;
    let head = call.await.unwrap();
    assert_eq!((head.headers()["grpc-status"].to_str().unwrap(), begun.get()), ("4", false));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_trailers() {
    for stack in both(DeadlineLayer::new()) {
        let script = Script::body(&[MESSAGE_STEP, Step::Yield, MESSAGE_STEP, Step::Hang]);
        let (seen, after) = see(&stack, request(script, "2S")).await;
        assert_eq!((seen.data.len(), seen.trailers.len()), (2, 1));
        assert_eq!((seen.status(), after), (Some("4"), 2_000));
        assert_eq!(stack.probe.live(), 0, "the handler is dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn the_handler_is_dropped_at_the_deadline_not_with_the_body() {
    let stack = Stack::new(max(100));
    let script = Script::body(&[MESSAGE_STEP, Step::Hang]);
    let mut body = stack.call(script).await.unwrap().into_body();
    assert!(next(&mut body).await.unwrap().unwrap().is_data());
    assert!(next(&mut body).await.unwrap().unwrap().is_trailers());
    assert_eq!(stack.probe.live(), 0);
    assert!(body.is_end_stream());
    assert!(next(&mut body).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_always_has_a_frame_ends_too() {
    let stack = Stack::new(max(100));
    let script = Script::body(&[MESSAGE_STEP, MESSAGE_STEP, Step::Trailers("0")]);
    let mut body = stack.call(script).await.unwrap().into_body();
    assert!(next(&mut body).await.unwrap().unwrap().is_data());
    advance(Duration::from_millis(100)).await;
    let frame = next(&mut body).await.unwrap().unwrap();
    assert_eq!(frame.trailers_ref().unwrap()["grpc-status"], "4");
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_status_gets_no_other() {
    let stack = Stack::new(max(100));
    let mut body =
        stack.call(Script::body(&[Step::Trailers("0"), Step::Hang])).await.unwrap().into_body();
    assert!(next(&mut body).await.unwrap().unwrap().is_trailers());
    let more = timeout(Duration::from_secs(1), next(&mut body)).await;
    assert!(more.is_err(), "neither a frame nor an end was made up: {more:?}");
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_time_is_let_be() {
    for stack in both(max(100)) {
        let (seen, _) = see(&stack, request(Script::stream(), "1S")).await;
        assert_eq!((seen.status(), seen.data.len()), (Some("0"), 2));
    }
}

#[tokio::test(start_paused = true)]
async fn the_earlier_of_the_callers_and_the_maximum() {
    for (asked, expected) in [("50m", 50), ("1H", 100), ("99999999H", 100)] {
        for stack in both(max(100)) {
            let (seen, after) = see(&stack, request(Script::head(&[Step::Hang]), asked)).await;
            assert_eq!((seen.status(), after), (Some("4"), expected), "{asked}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_maximum_of_the_method_stands_for_that_of_all() {
    let layer = max(10)
        .service("a.B", Duration::from_millis(20))
        .method("/a.B/C", Duration::from_millis(300));
    for stack in both(layer) {
        let (_, after) = see(&stack, Script::head(&[Step::Hang]).request()).await;
        assert_eq!(after, 300);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_bound_a_call_may_take_for_ever() {
    for stack in both(DeadlineLayer::new()) {
        let century = Duration::from_secs(100 * 365 * 86_400);
        let call = stack.call(Script::head(&[Step::Hang]));
        assert!(timeout(century, call).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_arrives_expired_never_reaches_the_handler() {
    for stack in both(max(100)) {
        for timeout in ["0n", "0S", "00000000H"] {
            let (seen, after) = see(&stack, request(Script::unary(), timeout)).await;
            assert!(seen.is_trailers_only());
            assert_eq!((seen.status(), after), (Some("4"), 0), "{timeout}");
        }
        assert_eq!(stack.probe.served(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_timeout_is_refused() {
    for stack in both(max(100)) {
        for timeout in ["", "1", "S", "1s", "-1S", "123456789n", "1 S", "1.5S", "\u{1b}"] {
            let Ok(value) = HeaderValue::from_str(timeout) else { continue };
            let mut request = Script::unary().request();
            request.headers_mut().insert("grpc-timeout", value);
            let (seen, _) = see(&stack, request).await;
            assert!(seen.is_trailers_only());
            assert_eq!(seen.status(), Some("13"), "{timeout:?}");
            assert!(seen.message().unwrap().starts_with("malformed grpc-timeout"));
        }
        assert_eq!(stack.probe.served(), 0);
    }
}

/// Without the clock, tokio's budget would keep the timer from ever being seen to fire.
#[tokio::test(start_paused = true)]
async fn a_handler_that_uses_up_its_budget_meets_its_deadline() {
    let service = max(100).layer(tower::service_fn(async |_: Request<()>| {
        loop {
            tokio::task::consume_budget().await;
        }
        #[allow(unreachable_code, reason = "it gives the type")]
        Ok::<_, std::convert::Infallible>(http::Response::new(Steps::default()))
    }));
    let call = tokio::spawn(tower::ServiceExt::oneshot(service, Request::new(())));
    tokio::task::yield_now().await;
    advance(Duration::from_millis(100)).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(call.is_finished());
    assert_eq!(call.await.unwrap().unwrap().headers()["grpc-status"], "4");
}

#[tokio::test(start_paused = true)]
async fn the_handler_can_read_what_remains() {
    let stack = Stack::new(observed(max(100)));
    let check = Step::Run(|| {
        let remaining = Call::current().unwrap().remaining();
        assert_eq!(remaining, Some(Duration::from_millis(100)));
    });
    let (seen, _) = see(&stack, request(Script::head(&[check]), "1S")).await;
    assert_eq!(seen.status(), Some("0"));
}

#[tokio::test(start_paused = true)]
async fn builtin_methods_are_exempt_from_the_maximum_only() {
    let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::Builtin).build();
    let observe = ObserveLayer::new((), Arc::new(methods));
    let stack = Stack::new(ServiceBuilder::new().layer(observe).layer(max(100)).into_inner());
    let hang = Script::head(&[Step::Hang]);
    assert!(timeout(Duration::from_secs(3_600), stack.call(hang.clone())).await.is_err());
    let (seen, after) = see(&stack, request(hang, "5S")).await;
    assert_eq!((seen.status(), after), (Some("4"), 5_000));
}

struct NamesThePolicy;

impl Observer for NamesThePolicy {
    type State = ();
    fn on_start(&self, _call: &Call) {}
    fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
        let expired = outcome.code() != tonic::Code::Ok;
        assert_eq!(call.rejected_by(), expired.then_some("deadline"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_knows_what_cut_it() {
    let observe = ObserveLayer::new(NamesThePolicy, Arc::new(Methods::builder().build()));
    let stack = Stack::new(ServiceBuilder::new().layer(observe).layer(max(100)).into_inner());
    for (script, timeout) in [
        (Script::unary(), "1S"),
        (Script::unary(), "0n"),
        (Script::unary(), "soon"),
        (Script::head(&[Step::Hang]), "1S"),
        (Script::body(&[Step::Hang]), "1S"),
    ] {
        see(&stack, request(script, timeout)).await;
    }
}
