//! Where the time of a call goes.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::{Sleep, advance, sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::Observed;
use crate::{
    Call, Methods, Phase,
    contract::{MESSAGE, Script},
    metrics::{CallMetrics, render},
    observe::{ObserveLayer, ObservedRequest},
};

/// A body of a message and an end, which comes when so many seconds have passed since it was asked for.
struct Slow {
    message: Option<Bytes>,
    seconds: u64,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Slow {
    fn new(message: Option<&'static [u8]>, seconds: u64) -> Self {
        Self { message: message.map(Bytes::from_static), seconds, sleep: None }
    }
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(message) = self.message.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        let seconds = Duration::from_secs(self.seconds);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(seconds)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(None)
    }
}

/// Waits for the request, then in a queue, then for something of its own.
async fn handle(request: Request<ObservedRequest<CallMetrics, Slow>>) -> Response<Slow> {
    request.into_body().collect().await.unwrap();
    let call = Call::current().unwrap();
    assert_eq!(call.phase(), Some(Phase::Handler));
    call.set_phase(Phase::Queue);
    sleep(Duration::from_secs(2)).await;
    call.set_phase(Phase::Handler);
    sleep(Duration::from_secs(3)).await;
    Response::new(Slow::new(Some(MESSAGE), 4))
}

#[tokio::test(start_paused = true)]
async fn each_moment_of_a_call_is_in_one_phase() {
    let methods = Arc::new(Methods::builder().service("a.B").build());
    let inner = service_fn(async |request| Ok::<_, Infallible>(handle(request).await));
    let service = ObserveLayer::new(CallMetrics, Arc::clone(&methods)).layer(inner);
    let request = Script::unary().request().map(|_| Slow::new(None, 1));
    let mut body = service.oneshot(request).await.unwrap().into_body();
    let call = body.observed().clone();
    assert_eq!(call.phase(), Some(Phase::Streaming));

    assert!(body.frame().await.is_some());
    // The server has the message and asks for no more.
    call.note_wait();
    assert_eq!(call.phase(), Some(Phase::Stalled));
    advance(Duration::from_secs(5)).await;
    assert_eq!(call.phase_times().of(Phase::Stalled), Duration::from_secs(5));
    let mut asked = tokio_test::task::spawn(body.frame());
    assert!(asked.poll().is_pending());
    // It is the handler that has nothing.
    call.note_wait();
    assert_eq!(call.phase(), Some(Phase::Streaming));
    drop(asked);
    while body.frame().await.is_some() {}
    drop(body);

    advance(Duration::from_secs(100)).await;
    call.set_phase(Phase::Queue);
    assert_eq!(call.phase(), None, "it has ended");
    // The clock of the tests has steps of a millisecond.
    let seconds = Phase::ALL.map(|phase| call.phase_times().of(phase).as_secs_f64().round() as u64);
    assert_eq!(seconds, [1, 2, 3, 4, 5]);
    let text = render(&methods);
    for (phase, le) in Phase::ALL.into_iter().zip(["1", "2.5", "5", "5", "10"]) {
        let name = phase.as_str();
        let line = format!("rootcap_call_phase_seconds_count{{phase=\"{name}\"}} 1");
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        let bucket = format!("rootcap_call_phase_seconds_bucket{{phase=\"{name}\",le=\"{le}\"}}");
        assert!(text.contains(&bucket), "{bucket}");
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_wakes_who_waits_for_it() {
    let observed = Observed::new();
    observed.run(Script::unary()).await;
    let (call, _) = observed.ends.take();
    let poll = |call: &Call| {
        let call = call.clone();
        tokio_test::task::spawn(std::future::poll_fn(move |cx| call.poll_cancelled(cx)))
    };
    let mut waits = poll(&call);
    assert!(waits.poll().is_pending() && !call.is_cancelled());
    call.cancel();
    assert!(waits.is_woken() && waits.poll().is_ready() && call.is_cancelled());
    assert!(poll(&call).poll().is_ready(), "it is known to who asks later");
}
