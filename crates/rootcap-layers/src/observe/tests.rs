//! What observers are told, and what is current where.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tonic::Code;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::{
    Call, CatchPanicLayer, Direction, Methods, Outcome,
    contract::{MESSAGE, Probe, Script, Seen, Stack, Step, Steps, next},
    metrics::{CallMetrics, StatsSnapshot},
    outcome::{Cause, MAX_MESSAGE},
};

const MESSAGE_STEP: Step = Step::Data(MESSAGE);

mod current;
mod methods;
mod phases;
mod spans;

/// Remembers how calls have ended.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<(Call, Outcome)>>);

impl Ends {
    /// The only end since the last time.
    fn take(&self) -> (Call, Outcome) {
        let mut ends = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(ends.len(), 1, "a call ends once");
        ends.remove(0)
    }

    fn code_and_cause(&self) -> (Code, Cause) {
        let (_, outcome) = self.take();
        (outcome.code(), outcome.cause())
    }
}

impl Observer for Ends {
    type State = ();
    fn on_start(&self, _call: &Call) {}
    fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
        assert!(self.0.try_lock().is_ok());
        self.0.lock().unwrap().push((call.clone(), outcome.clone()));
    }
}

/// An observed service of the known service `a.B`.
struct Observed {
    stack: Stack,
    ends: Arc<Ends>,
    methods: Arc<Methods>,
}

impl Observed {
    fn new() -> Self {
        Self::over(tower::layer::util::Identity::new(), Stack::new)
    }

    /// With a layer below `Observe`.
    fn over<L>(layer: L, stack: impl FnOnce(Below<L>) -> Stack) -> Self {
        let ends = Arc::new(Ends::default());
        let methods = Arc::new(Methods::builder().service("a.B").build());
        let observe = ObserveLayer::new((Arc::clone(&ends), CallMetrics), Arc::clone(&methods));
        let layers = ServiceBuilder::new().layer(observe).layer(layer).into_inner();
        Self { stack: stack(layers), ends, methods }
    }

    /// Calls, and reads to the end what there is to be read.
    async fn run(&self, script: Script) {
        self.send(script.request()).await;
    }

    async fn send(&self, request: Request<Steps>) {
        if let Ok(response) = self.stack.send(request).await {
            Seen::read(response).await;
        }
    }

    fn stats(&self, path: &str) -> StatsSnapshot {
        self.methods.get(path).unwrap().stats().snapshot()
    }

    fn unknown(&self) -> StatsSnapshot {
        self.methods.unknown().stats().snapshot()
    }

    /// The paths of the table.
    fn known(&self) -> Vec<String> {
        let mut all = self.methods.all();
        all.pop();
        all.iter().map(|method| format!("/{}/{}", method.service(), method.name())).collect()
    }
}

type Below<L> = tower::layer::util::Stack<
    L,
    tower::layer::util::Stack<ObserveLayer<(Arc<Ends>, CallMetrics)>, tower::layer::util::Identity>,
>;

#[tokio::test]
async fn the_status_is_that_of_the_end() {
    let observed = Observed::new();
    for (script, code, cause) in [
        (Script::unary(), Code::Ok, Cause::Trailers),
        (Script::stream(), Code::Ok, Cause::Trailers),
        (
            Script::body(&[MESSAGE_STEP, Step::Yield, Step::Trailers("14")]),
            Code::Unavailable,
            Cause::Trailers,
        ),
        (Script::body(&[Step::Trailers("99")]), Code::Unknown, Cause::Trailers),
        (Script::status("5"), Code::NotFound, Cause::TrailersOnly),
        (Script::body(&[]), Code::Unknown, Cause::NoStatus),
        (Script::body(&[MESSAGE_STEP]), Code::Unknown, Cause::NoStatus),
        (Script::body(&[MESSAGE_STEP, Step::Yield]), Code::Unknown, Cause::NoStatus),
        (Script::body(&[MESSAGE_STEP, Step::Fail]), Code::Internal, Cause::Error),
        (Script::head(&[Step::Fail]), Code::Internal, Cause::Error),
    ] {
        observed.run(script.clone()).await;
        assert_eq!(observed.ends.code_and_cause(), (code, cause), "{script:?}");
    }
}

#[tokio::test]
async fn what_is_dropped_before_its_end_is_cancelled() {
    let observed = Observed::new();
    let mut pending = tokio_test::task::spawn(observed.stack.call(Script::head(&[Step::Hang])));
    assert!(pending.poll().is_pending());
    drop(pending);
    assert_eq!(observed.ends.code_and_cause(), (Code::Cancelled, Cause::Dropped));

    for read in 0..=2 {
        let mut body = observed.stack.call(Script::stream()).await.unwrap().into_body();
        for _ in 0..read {
            next(&mut body).await.unwrap().unwrap();
        }
        drop(body);
        let (call, outcome) = observed.ends.take();
        assert_eq!((outcome.code(), outcome.cause()), (Code::Cancelled, Cause::Dropped));
        assert_eq!(call.messages(Direction::Sent), read);
    }
    drop(observed.stack.call(Script::unary()));
    assert!(observed.ends.0.lock().unwrap().is_empty(), "a future that was never polled: no call");
}

/// The server has read the end from the body, and the peer will never have it.
#[tokio::test]
async fn an_end_that_is_not_sent_does_not_count() {
    let ends = Arc::new(Ends::default());
    let methods = Arc::new(Methods::builder().service("a.B").build());
    let inner = service_fn(async |_: Request<ObservedRequest<_, Steps>>| {
        let response = Response::builder().header("grpc-status", "0");
        Ok::<_, Infallible>(response.body(Full::<bytes::Bytes>::default()).unwrap())
    });
    let service = ObserveLayer::new(Arc::clone(&ends), methods).layer(inner);
    for (cut, code) in
        [(None, Code::Cancelled), (Some(Code::DeadlineExceeded), Code::DeadlineExceeded)]
    {
        let call = service.clone().oneshot(Script::unary().request());
        let body = call.await.unwrap().into_body();
        if let Some(code) = cut {
            body.observed().cut(code, "test");
        }
        body.observed().set_end_unsent();
        drop(body);
        assert_eq!(ends.code_and_cause(), (code, Cause::Dropped));
    }
}

#[tokio::test]
async fn an_http_status_is_mapped() {
    for (http, code) in [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (415, Code::Unknown),
        (429, Code::Unavailable),
        (503, Code::Unavailable),
    ] {
        let http = StatusCode::from_u16(http).unwrap();
        let ends = Arc::new(Ends::default());
        let methods = Arc::new(Methods::builder().service("a.B").build());
        let inner = service_fn(async |_: Request<ObservedRequest<_, Steps>>| {
            let response =
                Response::builder().status(http).body(Full::<bytes::Bytes>::from("no such page"));
            Ok::<_, Infallible>(response.unwrap())
        });
        let service = ObserveLayer::new(Arc::clone(&ends), Arc::clone(&methods)).layer(inner);
        drop(service.oneshot(Script::unary().request()).await.unwrap());
        assert_eq!(ends.code_and_cause(), (code, Cause::Http(http)));
        assert_eq!(methods.all().len(), 1, "such an answer proves no method");
    }
}

/// grpcio reported RESOURCE_EXHAUSTED, and not the code, for a message over some 8 KiB.
#[tokio::test]
async fn a_long_message_is_cut_so_that_its_code_arrives() {
    let short = "a".repeat(MAX_MESSAGE);
    let long = short.clone() + "a";
    let cut = "a".repeat(MAX_MESSAGE - 3) + "...";
    for (message, sent) in [(&short, &short), (&long, &cut)] {
        for in_head in [true, false] {
            let seen = ended_with(message, in_head).await;
            assert_eq!(seen.status(), Some("10"));
            assert_eq!(seen.message().unwrap(), *sent, "in the head: {in_head}");
            assert_eq!(seen.is_trailers_only(), in_head);
        }
    }
}

/// A call that ends with this message, as its caller sees it.
async fn ended_with(message: &str, in_head: bool) -> Seen {
    let status = tonic::Status::aborted(message);
    let inner = service_fn(async |_: Request<ObservedRequest<_, Steps>>| {
        Ok::<_, Infallible>(if in_head {
            crate::reject::response::<tonic::body::Body>(&status)
        } else {
            let trailers = crate::reject::trailers(&status);
            let body = Full::from(MESSAGE).with_trailers(async { Some(Ok(trailers)) });
            Response::new(tonic::body::Body::new(body))
        })
    });
    let methods = Arc::new(Methods::builder().service("a.B").build());
    let service = ObserveLayer::new((), methods).layer(inner);
    Seen::read(service.oneshot(Script::unary().request()).await.unwrap()).await
}

#[tokio::test]
async fn a_panic_is_internal_and_counted() {
    let observed = Observed::over(CatchPanicLayer::new(), Stack::new);
    observed.run(Script::unary()).await;
    observed.ends.take();
    for (panics, script) in [
        Script { call: vec![Step::Panic], ..Script::unary() },
        Script::head(&[Step::Panic]),
        Script::body(&[MESSAGE_STEP, Step::Panic]),
    ]
    .into_iter()
    .enumerate()
    {
        observed.run(script).await;
        let (call, outcome) = observed.ends.take();
        assert_eq!(outcome.code(), Code::Internal);
        let message = outcome.message().unwrap();
        assert_eq!(message, format!("internal error; request id {}", call.request_id()));
        assert_eq!(observed.stats("/a.B/C").panicked, panics as u64 + 1);
    }
    assert_eq!(observed.stats("/a.B/C").in_flight, 0);
}

#[tokio::test]
async fn a_panic_of_a_cancelled_handler_is_counted_too() {
    let observed = Observed::over(CatchPanicLayer::new(), Stack::new);
    let script = Script::body(&[MESSAGE_STEP, Step::PanicWhenDropped, Step::Hang]);
    let mut body = observed.stack.call(script).await.unwrap().into_body();
    next(&mut body).await.unwrap().unwrap();
    assert!(tokio_test::task::spawn(next(&mut body)).poll().is_pending());
    drop(body);
    let (call, outcome) = observed.ends.take();
    assert!(call.panicked());
    assert_eq!(outcome.code(), Code::Internal);
}

proptest! {
    #[test]
    fn messages_are_counted_in_both_directions(
        received in 0usize..10, sent in 0usize..10, cuts in proptest::collection::vec(1usize..20, 1..10),
    ) {
        // Cuts of the same bytes, at the same places, in both directions.
        let frames = |messages: usize| -> Vec<Step> {
            let bytes: &'static [u8] = MESSAGE.repeat(messages).leak();
            let mut rest = bytes;
            let mut frames = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (frame, after) = rest.split_at((*cut).min(rest.len()));
                frames.push(Step::Data(frame));
                rest = after;
            }
            frames
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let observed = Observed::new();
            let body = [frames(sent), vec![Step::Trailers("0")]].concat();
            let script = Script { head: vec![Step::ReadRequest], ..Script::body(&body) };
            observed.send(script.request().map(|_| Steps::new(&frames(received)))).await;
            let (call, _) = observed.ends.take();
            for (direction, messages) in [(Direction::Received, received), (Direction::Sent, sent)] {
                prop_assert_eq!(call.messages(direction), messages as u64);
                prop_assert_eq!(call.bytes(direction), (messages * MESSAGE.len()) as u64);
            }
            let stats = observed.stats("/a.B/C");
            prop_assert_eq!((stats.received_messages, stats.sent_messages), (received as u64, sent as u64));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn the_request_id_is_kept_replaced_and_returned() {
    let observed = Observed::new();
    for (sent, kept) in [(Some("abc-123"), true), (Some("two words"), false), (None, false)] {
        let mut request = Script::unary().request();
        if let Some(sent) = sent {
            request.headers_mut().insert("x-request-id", HeaderValue::from_static(sent));
        }
        let response = observed.stack.send(request).await.unwrap();
        let returned = response.headers()["x-request-id"].clone();
        drop(response);
        let (call, _) = observed.ends.take();
        assert_eq!(returned, call.request_id().as_str());
        assert_eq!(sent.is_some_and(|sent| returned == sent), kept);
    }
}

#[tokio::test]
async fn a_clone_observes_alike() {
    let observed = Observed::new();
    let clone = observed.stack.clone();
    let mut first = observed.stack.call(Script::stream()).await.unwrap().into_body();
    drop(clone.call(Script::unary()).await.unwrap());
    assert_eq!(observed.ends.code_and_cause().0, Code::Cancelled);
    while next(&mut first).await.is_some() {}
    drop(first);
    assert_eq!(observed.ends.code_and_cause().0, Code::Ok);
}

#[test]
fn a_probe_is_a_service_of_any_body() {
    fn service<S: tower::Service<Request<ObservedRequest<(), Steps>>>>(_: S) {}
    service(Probe::default());
}
