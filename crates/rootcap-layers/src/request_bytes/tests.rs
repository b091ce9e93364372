//! The limit, by calls whose requests come frame by frame.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod streams;

use std::{convert::Infallible, future::pending, num::NonZeroU64, sync::Arc};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use tokio::sync::mpsc;
use tokio_test::task::spawn;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::{
    Call, CatchPanicLayer, MethodKind, Methods, Origin,
    admission::{Mode, ShedCode},
    contract::{MESSAGE, Script, Seen, Stack, Step, Steps, counted},
    observe::ObserveLayer,
};

fn layer(limit: u64) -> RequestBytesLayer {
    RequestBytesLayer::new(NonZeroU64::new(limit).unwrap())
}

fn used(layer: &RequestBytesLayer) -> u64 {
    layer.state().unwrap().used
}

/// The prefix of a message of a hundred bytes, and its first byte.
const BEGINNING: &[u8] = &[0, 0, 0, 0, 100, 1];
/// With its prefix.
const WHOLE: u64 = 105;

/// A call whose request is this, and whose handler reads it before it answers.
fn reading(request: &[Step], then: &[Step]) -> Request<Steps> {
    let head = [&[Step::ReadRequest], then].concat();
    Script::head(&head).request().map(|_| Steps::new(request))
}

fn message() -> Request<Steps> {
    reading(&[Step::Data(MESSAGE)], &[])
}

fn observe() -> ObserveLayer<()> {
    ObserveLayer::new((), Arc::new(Methods::builder().build()))
}

/// The layer alone, and below one that makes a call.
fn stacks(layer: &RequestBytesLayer) -> [Stack; 2] {
    let below = ServiceBuilder::new().layer(observe()).layer(layer.clone()).into_inner();
    [Stack::new(layer.clone()), Stack::new(below)]
}

#[tokio::test]
async fn a_message_counts_from_its_prefix_to_the_end_of_the_call() {
    let layer = layer(1_000);
    for stack in stacks(&layer) {
        let mut begun = spawn(stack.send(reading(&[Step::Data(BEGINNING), Step::Hang], &[])));
        assert!(begun.poll().is_pending());
        assert_eq!(used(&layer), WHOLE, "though few of its bytes are there");
        drop(begun);
        assert_eq!(used(&layer), 0);

        let mut held = spawn(stack.send(reading(&[Step::Data(MESSAGE)], &[Step::Hang])));
        assert!(held.poll().is_pending());
        assert_eq!(used(&layer), 8, "the handler has it, and its body is gone");
        drop(held);

        let response = stack.send(message()).await.unwrap();
        assert_eq!(used(&layer), 8, "to the end of the response");
        assert_eq!(Seen::read(response).await.status(), Some("0"));
        assert_eq!(used(&layer), 0);
    }
}

#[tokio::test]
async fn two_limits_around_one_call_each_count_it() {
    let (outer, inner) = (layer(1_000), layer(7));
    let both = ServiceBuilder::new().layer(observe()).layer(outer.clone()).layer(inner.clone());
    let stack = Stack::new(both.into_inner());
    let refused = stack.send(reading(&[Step::Data(BEGINNING), Step::Hang], &[])).await.unwrap();
    assert!(refused.headers().contains_key("grpc-status"), "by the inner one");
    assert_eq!((used(&outer), used(&inner)), (WHOLE, 0));
    drop(refused);
    inner.change(NonZeroU64::new(1_000).unwrap(), Mode::Enforce);
    let response = stack.send(message()).await.unwrap();
    assert_eq!((used(&outer), used(&inner)), (8, 8));
    assert_eq!(Seen::read(response).await.status(), Some("0"));
    assert_eq!((used(&outer), used(&inner)), (0, 0));
}

#[tokio::test]
async fn a_message_without_room_ends_its_call_and_no_other() {
    let layer = layer(WHOLE + 7);
    let stack = Stack::new(layer.clone());
    let mut first = spawn(stack.send(reading(&[Step::Data(BEGINNING), Step::Hang], &[])));
    assert!(first.poll().is_pending());

    // The handler would answer OK.
    let response = stack.send(message()).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    let said = "/a.B/C: 105 bytes of requests are in flight, and 112 may be: there is no room for 8 more (rule `request_bytes`); retry after ";
    assert!(status.message().starts_with(said), "{}", status.message());
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "REQUEST_BYTES_EXCEEDED");
    for (key, value) in
        [("rule", "request_bytes"), ("limit", "112"), ("in_flight", "105"), ("asked", "8")]
    {
        assert_eq!(info.metadata[key], value, "{key}");
    }
    assert!(response.headers().contains_key("grpc-retry-pushback-ms"));
    let seen = Seen::read(response).await;
    assert!(seen.is_trailers_only());
    assert!(first.poll().is_pending() && used(&layer) == WHOLE);
    drop(first);
    assert_eq!(Seen::read(stack.send(message()).await.unwrap()).await.status(), Some("0"));
    assert_eq!((used(&layer), stack.probe.live()), (0, 0));
}

#[tokio::test]
async fn while_no_room_is_left_no_call_begins() {
    let layer = layer(WHOLE);
    let stack = Stack::new(layer.clone());
    let mut first = spawn(stack.send(reading(&[Step::Data(BEGINNING), Step::Hang], &[])));
    assert!(first.poll().is_pending());
    let response = stack.send(message()).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    let said =
        "/a.B/C: 105 bytes of requests are in flight, and 105 may be (rule `request_bytes`); ";
    assert!(status.message().starts_with(said), "{}", status.message());
    assert!(Seen::read(response).await.is_trailers_only());
    assert_eq!((status.code(), stack.probe.served()), (Code::Unavailable, 1));
}

/// What will never fit is not worth another try.
#[tokio::test]
async fn a_message_larger_than_the_limit_is_told_not_to_come_again() {
    let layer = layer(104);
    let stack = Stack::new(layer.clone());
    let response = stack.send(reading(&[Step::Data(BEGINNING), Step::Hang], &[])).await.unwrap();
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "-1");
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        status.message(),
        "/a.B/C: 105 bytes of a request are more than the 104 that may be in flight (rule `request_bytes`)"
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (&*info.reason, &*info.metadata["rule"]),
        ("REQUEST_BYTES_EXCEEDED", "request_bytes")
    );
    assert_eq!(used(&layer), 0);
}

#[tokio::test]
async fn every_end_gives_the_bytes_back() {
    let layer = layer(1_000);
    let caught = ServiceBuilder::new().layer(CatchPanicLayer::new()).layer(layer.clone());
    let below = ServiceBuilder::new().layer(observe()).layer(caught.clone().into_inner());
    for stack in [Stack::new(caught.into_inner()), Stack::new(below.into_inner())] {
        for then in [Step::Fail, Step::Panic, Step::Yield] {
            let ended = stack.send(reading(&[Step::Data(MESSAGE)], &[then])).await;
            if let Ok(response) = ended {
                Seen::read(response).await;
            }
            assert_eq!((used(&layer), stack.probe.live()), (0, 0));
        }
        drop(stack.send(message()).await.unwrap());
        assert_eq!(used(&layer), 0);
    }
}

#[tokio::test]
async fn what_only_observes_lets_all_pass_and_counts() {
    let layer = RequestBytesLayer::with_rule(
        "bytes",
        NonZeroU64::MIN,
        Mode::Observe,
        ShedCode::Unavailable,
    );
    let stack = Stack::new(layer.clone());
    let open: Vec<_> = [stack.send(message()).await, stack.send(message()).await].into();
    let state = layer.state().unwrap();
    assert_eq!(
        (&*state.name, state.limit, state.mode, state.used),
        ("bytes", 1, Mode::Observe, 16)
    );
    // The first one's message, and the second one's arrival and message.
    assert_eq!((state.counts.observed, state.counts.refused), (3, 0));
    drop(open);
    assert_eq!(used(&layer), 0);
}

#[tokio::test]
async fn the_limit_may_change() {
    let layer = layer(8);
    let stack = Stack::new(layer.clone());
    let first = stack.send(message()).await.unwrap();
    let refused = |response: &http::Response<_>| response.headers().contains_key("grpc-status");
    assert!(refused(&stack.send(message()).await.unwrap()));
    layer.change(NonZeroU64::new(16).unwrap(), Mode::Enforce);
    let second = stack.send(message()).await.unwrap();
    assert!(!refused(&second));
    layer.change(NonZeroU64::new(8).unwrap(), Mode::Enforce);
    drop(first);
    assert!(
        refused(&stack.send(message()).await.unwrap()),
        "there are as many in flight as may be"
    );
    drop(second);
    assert!(!refused(&stack.send(message()).await.unwrap()));
}

#[tokio::test]
async fn a_request_that_is_read_in_another_task_is_its_calls_still() {
    let layer = layer(7);
    let (give, mut take) = mpsc::unbounded_channel();
    let handler = service_fn(move |request: Request<CountedRequest<_>>| {
        give.send((Call::current(), request.into_body())).ok().unwrap();
        pending::<Result<http::Response<Empty<Bytes>>, Infallible>>()
    });
    let service = ServiceBuilder::new().layer(observe()).layer(layer.clone()).service(handler);
    let mut begun = spawn(service.oneshot(message()));
    assert!(begun.poll().is_pending());
    let (call, body) = take.try_recv().unwrap();
    assert!(body.collect().await.is_err());
    assert_eq!(call.unwrap().rejected_by(), Some(POLICY));
    assert_eq!(layer.last_decisions()[0].1.method, "/a.B/C");
}

#[tokio::test]
async fn builtin_methods_are_not_counted() {
    let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::Builtin).build();
    let layer = layer(1);
    let observe = ObserveLayer::new((), Arc::new(methods));
    let stack = Stack::new(ServiceBuilder::new().layer(observe).layer(layer.clone()).into_inner());
    let open = stack.send(message()).await.unwrap();
    assert_eq!((used(&layer), open.headers().contains_key("grpc-status")), (0, false));
}

#[test]
fn decisions_are_counted() {
    let counted = counted(async || {
        let methods = Methods::builder().method("a.B", "C", MethodKind::Unary, Origin::User);
        let observe = ObserveLayer::new((), Arc::new(methods.build()));
        let layer = layer(10);
        let stack = Stack::new(ServiceBuilder::new().layer(observe).layer(layer).into_inner());
        let _open = stack.send(message()).await.unwrap();
        for _ in 0..2 {
            stack.send(message()).await.unwrap();
        }
    });
    let series = |decision, reason| {
        counted[&format!(
            "rootcap_limit_decisions_total{{rule=request_bytes,grpc_service=a.B,grpc_method=C,decision={decision},reason={reason}}}"
        )]
    };
    assert_eq!((series("allowed", ""), series("shed", "REQUEST_BYTES_EXCEEDED")), (3, 2));
    assert_eq!(counted["rootcap_rejected_total{policy=request_bytes}"], 2);
}
