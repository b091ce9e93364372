//! Requests that are streams, read while the response is under way, or by another task.

use std::{convert::Infallible, future::poll_fn, pin::Pin};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame};
use http_body_util::Full;
use tokio::sync::mpsc;
use tower::{Service, ServiceExt, service_fn};

use super::{super::demand::AHEAD, *};
use crate::contract::next;

type Frames = mpsc::UnboundedReceiver<Result<Frame<Bytes>, Infallible>>;
type Sender = mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>;

/// A body of what is sent to it.
struct Channel(Frames);

impl Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx)
    }
}

impl Default for Channel {
    fn default() -> Self {
        Self(mpsc::unbounded_channel().1)
    }
}

fn channel() -> (Sender, Channel) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Channel(receiver))
}

fn send(to: &Sender, bytes: &[u8]) {
    to.send(Ok(Frame::data(Bytes::copy_from_slice(bytes)))).unwrap();
}

fn message(length: u8) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, length];
    message.resize(5 + usize::from(length), 1);
    message
}

/// Calls whose request is handed out, for the test to read it, and whose response is another channel's.
struct Calls {
    layer: RequestBytesLayer,
    requests: mpsc::UnboundedReceiver<CountedRequest<Channel>>,
    responses: mpsc::UnboundedSender<Channel>,
    service:
        tower::util::BoxService<Request<Channel>, Response<CountedResponse<Channel>>, Infallible>,
}

impl Calls {
    fn new(limit: u64) -> Self {
        let layer = layer(limit);
        let (put, requests) = mpsc::unbounded_channel();
        let (responses, get) = mpsc::unbounded_channel();
        let get = Arc::new(tokio::sync::Mutex::new(get));
        let service = service_fn(move |request: Request<CountedRequest<Channel>>| {
            put.send(request.into_body()).unwrap();
            let get = Arc::clone(&get);
            async move { Ok::<_, Infallible>(Response::new(get.lock().await.recv().await.unwrap())) }
        });
        let service = ServiceBuilder::new().layer(layer.clone()).service(service).boxed();
        Self { layer, requests, responses, service }
    }

    /// A call that has begun: its future, its request as the caller has it, and as the handler has it.
    async fn begin(
        &mut self,
    ) -> (
        impl Future<Output = Response<CountedResponse<Channel>>> + use<>,
        Sender,
        CountedRequest<Channel>,
    ) {
        let (sender, body) = channel();
        let request = Request::post("/a.B/C").body(body).unwrap();
        let call = self.service.ready().await.unwrap().call(request);
        let request = self.requests.recv().await.unwrap();
        (async { call.await.unwrap() }, sender, request)
    }

    fn used(&self) -> u64 {
        used(&self.layer)
    }
}

#[tokio::test]
async fn of_a_stream_the_latest_message_counts() {
    let mut calls = Calls::new(100);
    let (call, sender, mut request) = calls.begin().await;
    for length in [50, 0, 90, 10] {
        send(&sender, &message(length));
        next(&mut request).await.unwrap().unwrap();
        assert_eq!(calls.used(), 5 + u64::from(length));
    }
    // Together they count until more is asked for.
    send(&sender, &[message(10), message(20)].concat());
    next(&mut request).await.unwrap().unwrap();
    assert_eq!(calls.used(), 15 + 25);
    let mut asks = spawn(next(&mut request));
    assert!(asks.poll().is_pending());
    assert_eq!(calls.used(), 25);
    drop((asks, call));
    assert_eq!(calls.used(), 25, "the handler's task still has the request");
    drop(request);
    assert_eq!(calls.used(), 0);
}

/// The task that answers learns of it, though another one reads the request.
#[tokio::test]
async fn a_stream_that_is_under_way_ends_with_the_status_in_its_trailers() {
    let mut calls = Calls::new(100);
    let (call, sender, mut request) = calls.begin().await;
    let (reply, body) = channel();
    calls.responses.send(body).map_err(drop).unwrap();
    let response = call.await;
    assert!(!response.headers().contains_key("grpc-status"));
    let mut response = response.into_body();
    send(&reply, &message(1));
    next(&mut response).await.unwrap().unwrap();
    let mut answer = spawn(poll_fn(|cx| Pin::new(&mut response).poll_frame(cx)));
    assert!(answer.poll().is_pending());

    send(&sender, &message(96));
    let error = next(&mut request).await.unwrap().unwrap_err();
    let status = Status::from_error(error);
    assert_eq!(status.code(), Code::ResourceExhausted, "that is what a handler of tonic's sees");
    assert!(next(&mut request).await.is_none());
    assert!(answer.is_woken());
    let trailers = answer.await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(
        (&trailers["grpc-status"], trailers.contains_key("content-type")),
        (&"8".parse().unwrap(), false)
    );
    assert!(response.is_end_stream() && next(&mut response).await.is_none());
    assert!(reply.is_closed(), "the handler's body is gone");
    drop((request, response));
    assert_eq!(calls.used(), 0);
}

#[tokio::test]
async fn a_call_that_is_not_answered_yet_is_answered_with_the_status() {
    let mut calls = Calls::new(100);
    let (other, other_sender, mut other_request) = calls.begin().await;
    send(&other_sender, &message(50));
    next(&mut other_request).await.unwrap().unwrap();

    let (call, sender, mut request) = calls.begin().await;
    let mut call = spawn(call);
    assert!(call.poll().is_pending());
    send(&sender, &message(60)[..5]);
    next(&mut request).await.unwrap().unwrap_err();
    assert!(call.is_woken());
    assert_eq!(call.await.headers()["grpc-status"], "14");
    drop((other, other_request, request));
    assert_eq!(calls.used(), 0);
}

/// Whoever has its status already gets no other.
#[tokio::test]
async fn a_call_that_has_ended_keeps_its_status() {
    let mut calls = Calls::new(100);
    let (call, sender, mut request) = calls.begin().await;
    let (reply, body) = channel();
    calls.responses.send(body).map_err(drop).unwrap();
    let mut response = call.await.into_body();
    reply.send(Ok(Frame::trailers(http::HeaderMap::new()))).unwrap();
    assert!(next(&mut response).await.unwrap().unwrap().is_trailers());
    send(&sender, &message(200));
    next(&mut request).await.unwrap().unwrap_err();
    drop(reply);
    assert!(next(&mut response).await.is_none());
}

/// Else one head, and nothing after it, would take all the room.
#[tokio::test]
async fn what_the_head_announces_needs_room_and_holds_none() {
    let layer = layer(20);
    let service = ServiceBuilder::new().layer(layer.clone()).service(service_fn(
        async |request: Request<CountedRequest<Full<Bytes>>>| {
            let (_, mut body) = request.into_parts();
            let _ = next(&mut body).await;
            Ok::<_, Infallible>(Response::new(Channel::default()))
        },
    ));
    let call = |length: u8| {
        let body = Full::new(Bytes::from(message(length)));
        service.clone().oneshot(Request::post("/a.B/C").body(body).unwrap())
    };
    let mut waits = service.clone();
    let unread = waits.call(Request::new(Full::new(Bytes::from(message(15)))));
    assert_eq!(used(&layer), 0);
    let first = call(5).await.unwrap();
    assert_eq!((used(&layer), first.headers().contains_key("grpc-status")), (10, false));
    assert_eq!(call(6).await.unwrap().headers()["grpc-status"], "14");
    let fits = call(5).await.unwrap();
    assert_eq!((used(&layer), fits.headers().contains_key("grpc-status")), (20, false));
    let empty = service.clone().oneshot(Request::new(Full::new(Bytes::new()))).await.unwrap();
    assert!(!empty.headers().contains_key("grpc-status"), "what has no bytes needs no room");
    assert_eq!(call(100).await.unwrap().headers()["grpc-status"], "8", "it never fits");
    drop((unread, first, fits));
    assert_eq!(used(&layer), 0);
}

/// Who announces a large message, and sends none of it, leaves room for others; one for which there is none is told at once.
#[tokio::test]
async fn a_large_message_holds_what_has_come_and_a_little_ahead() {
    const LARGE: u32 = 4 << 20;
    let prefix = [&[0][..], &LARGE.to_be_bytes()].concat();
    let mut calls = Calls::new(2 * u64::from(LARGE));
    let (_stalls, sender, mut stalled) = calls.begin().await;
    send(&sender, &prefix);
    next(&mut stalled).await.unwrap().unwrap();
    assert_eq!(calls.used(), 5 + AHEAD);

    let (_call, sender, mut request) = calls.begin().await;
    for bytes in [&prefix[..], &vec![1; LARGE as usize]] {
        send(&sender, bytes);
        next(&mut request).await.unwrap().unwrap();
    }
    assert_eq!(calls.used(), 5 + AHEAD + 5 + u64::from(LARGE));
    let (_call, sender, mut third) = calls.begin().await;
    send(&sender, &prefix);
    assert!(next(&mut third).await.unwrap().is_err());
    assert_eq!(calls.used(), 5 + AHEAD + 5 + u64::from(LARGE));
}

/// What its handler has done already, nobody may do again unasked.
#[tokio::test]
async fn a_call_that_has_begun_is_told_not_to_come_again() {
    let mut calls = Calls::new(100);
    let (other, other_sender, mut other_request) = calls.begin().await;
    let (call, sender, mut request) = calls.begin().await;
    send(&sender, &message(10));
    next(&mut request).await.unwrap().unwrap();
    send(&other_sender, &message(50));
    next(&mut other_request).await.unwrap().unwrap();
    send(&sender, &message(60));
    next(&mut request).await.unwrap().unwrap_err();
    let response = call.await;
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().ends_with("; the call had begun"), "{}", status.message());
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "-1");
    assert!(status.get_error_details().retry_info().is_none());
    drop((other, other_request, request, response));
    assert_eq!(calls.used(), 0);
}

/// The last one that holds it gives it back, on whichever thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_between_threads() {
    let layer = layer(1 << 30);
    let service = ServiceBuilder::new().layer(layer.clone()).service(service_fn(
        async |request: Request<CountedRequest<Channel>>| {
            let mut body = request.into_body();
            let reads = tokio::spawn(async move { while next(&mut body).await.is_some() {} });
            drop(reads);
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Response::new(Channel::default()))
        },
    ));
    let calls = (0..=255).map(|number: u8| {
        let (sender, body) = channel();
        (0..number % 5).for_each(|length| send(&sender, &message(length)));
        tokio::spawn(service.clone().oneshot(Request::post("/a.B/C").body(body).unwrap()))
    });
    for call in calls.collect::<Vec<_>>() {
        drop(call.await.unwrap().unwrap());
    }
    while used(&layer) > 0 {
        tokio::task::yield_now().await;
    }
}
