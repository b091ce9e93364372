//! A service whose calls the test holds in its hand.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use tokio::sync::{Semaphore, watch};
use tonic::server::NamedService;
use tower_service::Service;

use crate::bounds::BoxError;

type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Frames of a body that never ends.
const FRAME: usize = 16 * 1024;

/// Its methods: `Now` answers at once, `Wait` when the test says so, `Flood` sends for ever, `Large` sends
/// [`LARGE`] bytes, `Quiet` one frame and then nothing.
#[derive(Clone)]
pub(in crate::server) struct Calls(Arc<State>);

/// The length of the answer of `Large`.
pub(in crate::server) const LARGE: usize = 256 * 1024;

struct State {
    permits: Semaphore,
    handlers: watch::Sender<usize>,
    begun: AtomicUsize,
    frames: watch::Sender<usize>,
}

/// Counts as a handler until it is dropped.
struct Handler(Arc<State>);

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.handlers.send_modify(|handlers| *handlers -= 1);
    }
}

impl Calls {
    pub(in crate::server) fn new() -> Self {
        Self(Arc::new(State {
            permits: Semaphore::new(0),
            handlers: watch::Sender::new(0),
            begun: AtomicUsize::new(0),
            frames: watch::Sender::new(0),
        }))
    }

    /// Lets one call of `Wait` go on.
    pub(in crate::server) fn release(&self) {
        self.0.permits.add_permits(1);
    }

    /// How many handlers there are.
    pub(in crate::server) fn handlers(&self) -> usize {
        *self.0.handlers.borrow()
    }

    /// How many handlers there have been, at work.
    pub(in crate::server) fn begun(&self) -> usize {
        self.0.begun.load(Relaxed)
    }

    /// Waits until there are so many handlers.
    pub(in crate::server) async fn handlers_are(&self, handlers: usize) {
        self.0.handlers.subscribe().wait_for(|now| *now == handlers).await.unwrap();
    }

    /// How many bytes of `Flood` have been taken off its hands.
    pub(in crate::server) fn flooded(&self) -> usize {
        *self.0.frames.borrow() * FRAME
    }

    fn start(&self) -> Handler {
        self.0.handlers.send_modify(|handlers| *handlers += 1);
        Handler(Arc::clone(&self.0))
    }

    fn flood(&self, handler: Handler) -> Response<Body> {
        let state = Arc::clone(&self.0);
        let frames = stream::repeat(()).map(move |()| {
            let _ = &handler;
            state.frames.send_modify(|frames| *frames += 1);
            Ok(Frame::data(Bytes::from_static(&[0; FRAME])))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn large() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(Bytes::from_static(&[0; LARGE])), Frame::trailers(trailers)].map(Ok);
    Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync())
}

fn quiet(handler: Handler) -> Response<Body> {
    let first = stream::iter([Ok(Frame::data(Bytes::from_static(&[0; FRAME])))]);
    let rest = stream::pending().inspect(move |_| _ = &handler);
    Response::new(StreamBody::new(first.chain(rest)).boxed_unsync())
}

fn nothing() -> Response<Body> {
    let mut response = Response::new(Body::default());
    response.headers_mut().insert("grpc-status", HeaderValue::from_static("0"));
    response
}

impl NamedService for Calls {
    const NAME: &'static str = "test";
}

impl<B> Service<Request<B>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (path, calls) = (request.uri().path().to_owned(), self.clone());
        let handler = calls.start();
        Box::pin(async move {
            calls.0.begun.fetch_add(1, Relaxed);
            Ok(match path.as_str() {
                "/test/Flood" => calls.flood(handler),
                "/test/Large" => large(),
                "/test/Quiet" => quiet(handler),
                "/test/Wait" => {
                    calls.0.permits.acquire().await.unwrap().forget();
                    drop(handler);
                    nothing()
                }
                _ => nothing(),
            })
        })
    }
}
