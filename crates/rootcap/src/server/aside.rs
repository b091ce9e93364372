//! What goes no further than here.
//!
//! - Health calls go aside, past the limits and the user's layers: a limit or an auth layer must not fail the
//!   kubelet's probe.
//! - On a connection beyond the cap all else is refused, with UNAVAILABLE: it was let in for health.
//! - CONNECT is refused. A successful answer, which a trailers-only rejection is to HTTP, would make hyper open a
//!   tunnel that nobody reads, on a task that belongs to no call.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use rootcap_layers::{admission, reject};
use tonic::{Status, body::Body, codegen::BoxFuture, server::NamedService};
use tower_service::Service;

use super::{body::EitherBody, caps::Place, router::is_of};
use crate::{
    bounds::{App, RequestBody},
    health::{HealthServer, HealthService},
};

/// Passes health calls to the health service, refuses CONNECT, and passes all others on.
#[derive(Debug, Clone)]
pub(crate) struct Aside<A> {
    health: HealthServer<HealthService>,
    place: Place,
    rest: A,
}

impl<A> Aside<A> {
    pub(crate) fn new(health: HealthServer<HealthService>, rest: A) -> Self {
        Self { health, place: Place::Any, rest }
    }

    /// For connections on which health is answered and nothing else.
    pub(crate) fn health_only(health: HealthServer<HealthService>, rest: A) -> Self {
        Self { health, place: Place::Health, rest }
    }
}

/// How metrics and logs name what refuses calls beyond the cap.
const POLICY: &str = "health_only";

fn refuse() -> Response<Body> {
    admission::record_refusal(POLICY);
    reject::response(&Status::unavailable(
        "the server has as many connections as it takes (connection.max_connections): on this one it answers health \
         alone, and closes it soon; try again later, or another server",
    ))
}

impl<A: App> Service<Request<RequestBody>> for Aside<A> {
    type Response = Response<EitherBody<Body, <A as App>::Body>>;
    type Error = Infallible;
    type Future = AsideFuture<A::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.rest.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        if request.method() == Method::CONNECT {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            AsideFuture::Refused { response: Some(response) }
        } else if is_of(request.uri().path(), <HealthServer<HealthService>>::NAME) {
            AsideFuture::Health { future: self.health.call(request) }
        } else if self.place == Place::Health {
            AsideFuture::Refused { response: Some(refuse()) }
        } else {
            AsideFuture::Rest { future: self.rest.call(request) }
        }
    }
}

pin_project! {
    /// Waits for a health call or another one; a refusal is there at once.
    #[project = AsideFutureProjection]
    pub(crate) enum AsideFuture<F> {
        Refused { response: Option<Response<Body>> },
        Health { future: BoxFuture<Response<Body>, Infallible> },
        Rest { #[pin] future: F },
    }
}

impl<F, B> Future for AsideFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<EitherBody<Body, B>>, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            AsideFutureProjection::Refused { response } => {
                let response = response.take().expect("a future is not polled after completion");
                Ok(response.map(EitherBody::left))
            }
            AsideFutureProjection::Health { future } => {
                ready!(future.as_mut().poll(cx)).map(|response| response.map(EitherBody::left))
            }
            AsideFutureProjection::Rest { future } => {
                ready!(future.poll(cx)).map(|response| response.map(EitherBody::right))
            }
        })
    }
}
