//! Panics at every place.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    future::{Future, pending},
    panic::panic_any,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::contract::{MESSAGE, Script, Seen, Stack, Step, Steps, next};

fn stack() -> Stack {
    Stack::new(CatchPanicLayer::new())
}

async fn see(script: Script) -> Seen {
    Seen::read(stack().call(script).await.unwrap()).await
}

#[tokio::test]
async fn before_the_head_it_is_a_response() {
    for script in [
        Script { call: vec![Step::Panic], ..Script::unary() },
        Script::head(&[Step::Panic]),
        Script::head(&[Step::Yield, Step::Panic]),
    ] {
        let seen = see(script).await;
        assert!(seen.is_trailers_only(), "{seen:?}");
        assert_eq!(
            (seen.status(), seen.message().as_deref()),
            (Some("13"), Some("internal error"))
        );
    }
}

#[tokio::test]
async fn mid_stream_it_is_in_the_trailers() {
    let message = Step::Data(MESSAGE);
    let seen = see(Script::body(&[message.clone(), message.clone(), Step::Panic, message])).await;
    assert_eq!(seen.data.len(), 2, "what was sent before stands, nothing follows");
    assert_eq!(seen.trailers.len(), 1);
    assert_eq!((seen.status(), seen.message().as_deref()), (Some("13"), Some("internal error")));
}

#[tokio::test]
async fn a_panicked_body_is_at_its_end_and_stays_there() {
    let mut body = stack().call(Script::body(&[Step::Panic])).await.unwrap().into_body();
    assert!(!body.is_end_stream());
    assert!(next(&mut body).await.unwrap().unwrap().is_trailers());
    assert!(body.is_end_stream());
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_call_with_a_status_gets_no_other() {
    let script = Script::body(&[Step::Trailers("0"), Step::Panic]);
    let mut body = stack().call(script).await.unwrap().into_body();
    assert!(next(&mut body).await.unwrap().unwrap().is_trailers());
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_panic_while_dropped_goes_nowhere() {
    let stack = stack();
    let mut pending =
        tokio_test::task::spawn(stack.call(Script::head(&[Step::PanicWhenDropped, Step::Hang])));
    assert!(pending.poll().is_pending());
    drop(pending);

    let script = Script::body(&[Step::Data(MESSAGE), Step::PanicWhenDropped, Step::Hang]);
    let mut body = stack.call(script).await.unwrap().into_body();
    next(&mut body).await.unwrap().unwrap();
    let mut hanging = tokio_test::task::spawn(next(&mut body));
    assert!(hanging.poll().is_pending());
    drop(hanging);
    drop(body);
    assert_eq!(stack.probe.live(), 0);
}

/// Panics when it is polled, and when it is dropped.
struct Worst(Arc<AtomicUsize>);

impl Future for Worst {
    type Output = Result<Response<Empty<Bytes>>, Infallible>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.fetch_add(1, SeqCst);
        panic!("when polled")
    }
}

impl Drop for Worst {
    fn drop(&mut self) {
        panic!("when dropped")
    }
}

#[tokio::test]
async fn what_has_panicked_is_never_polled_again() {
    let polls = Arc::new(AtomicUsize::new(0));
    let service = service_fn(|_: Request<()>| Worst(Arc::clone(&polls)));
    let mut service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service(service);
    let mut future = tokio_test::task::spawn(service.call(Request::new(())));
    for _ in 0..3 {
        let Poll::Ready(Ok(response)) = future.poll() else { panic!("a response is due") };
        assert_eq!(response.headers()["grpc-status"], "13");
    }
    assert_eq!(polls.load(SeqCst), 1);
}

/// A payload that panics when dropped, whose payload does so as well.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic_any(Payload)
    }
}

#[tokio::test]
async fn a_payload_that_panics_is_caught() {
    let service =
        service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
            panic_any(Payload)
        });
    let service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service(service);
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "13");
}

/// Panics the first time that it is asked whether it is ready.
#[derive(Clone, Default)]
struct Unready {
    asked: usize,
}

impl Service<Request<Steps>> for Unready {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        assert!(self.asked > 1, "panics the first time");
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<Steps>) -> Self::Future {
        assert!(self.asked > 1, "called before it was ready");
        std::future::ready(Ok(Response::new(Empty::new())))
    }
}

#[tokio::test]
async fn the_next_call_pays_for_a_panic_while_becoming_ready() {
    let mut service =
        ServiceBuilder::new().layer(CatchPanicLayer::new()).service(Unready::default());
    let mut call = async || {
        let ready = service.ready().await.unwrap();
        ready.call(Script::unary().request()).await.unwrap()
    };
    assert_eq!(call().await.headers()["grpc-status"], "13");
    assert!(!call().await.headers().contains_key("grpc-status"), "it has recovered");
}

#[tokio::test]
async fn an_error_passes() {
    let service = service_fn(async |_: Request<()>| Err::<Response<Empty<Bytes>>, _>("an error"));
    let service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service(service);
    assert_eq!(service.oneshot(Request::new(())).await.unwrap_err(), "an error");
}

#[test]
fn a_guarded_future_may_be_dropped_while_another_panic_unwinds() {
    let unwound = std::panic::catch_unwind(|| {
        let service = service_fn(|_: Request<()>| async {
            let _worst = Worst(Arc::default());
            pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        });
        let mut service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service(service);
        let mut future = tokio_test::task::spawn(service.call(Request::new(())));
        assert!(future.poll().is_pending());
        panic!("of the connection")
    });
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&"of the connection"));
}
