//! The border between the framework's layers and the user's.
//!
//! The user's stack runs inside the call's future, so that its `poll_ready` stands under the deadline and the
//! panic guard too; its `Err` becomes a response; and the request's body is boxed once, so that the layers
//! see the body type that tonic's own server would give them.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use rootcap_layers::reject;
use tonic::{Status, body::Body};
use tower::util::Oneshot;
use tower_service::Service;

use super::body::{EitherBody, NoBody};
use crate::bounds::{BoxError, RequestBody};

/// Runs the user's layers.
#[derive(Debug, Clone)]
pub struct Border<N>(N);

impl<N> Border<N> {
    pub(crate) fn new(layered: N) -> Self {
        Self(layered)
    }
}

impl<N, ResBody> Service<Request<RequestBody>> for Border<N>
where
    N: Service<Request<Body>, Response = Response<ResBody>, Error: Into<BoxError>> + Clone,
    ResBody: http_body::Body<Data = Bytes>,
{
    type Response = Response<EitherBody<ResBody, NoBody>>;
    type Error = Infallible;
    type Future = BorderFuture<Oneshot<N, Request<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        BorderFuture { future: Oneshot::new(self.0.clone(), request.map(Body::new)) }
    }
}

pin_project! {
    /// Waits for the user's layers.
    #[derive(Debug)]
    pub struct BorderFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, ResBody, E> Future for BorderFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<EitherBody<ResBody, NoBody>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match ready!(self.project().future.poll(cx)) {
            Ok(response) => response.map(EitherBody::left),
            Err(error) => reject::response(&Status::from_error(error.into())),
        }))
    }
}
