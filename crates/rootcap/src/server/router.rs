//! The services of a server: a list known at compile time, so that a call reaches its service without a box.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll, Waker, ready as try_ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use rootcap_layers::excerpt::Excerpt;
use tonic::{Status, server::NamedService};
use tower::util::Oneshot;
use tower_service::Service;

use super::body::{EitherBody, NoBody};
use crate::bounds::BoxError;

/// The end of a list of services.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nil;

/// A service in front of the rest of a list; it may be absent.
#[derive(Debug, Clone)]
pub struct Entry<S, R> {
    service: Option<S>,
    rest: R,
}

/// The services that a server serves.
///
/// ```
/// # use rootcap::Services;
/// # use tonic::server::NamedService;
/// # fn list<A: NamedService, B: NamedService, C: NamedService>(a: A, b: B, debug: Option<C>) {
/// let services = Services::new(a).add(b).add_optional(debug);
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Services<L = Nil>(L);

impl<S: NamedService> Services<Entry<S, Nil>> {
    /// One service.
    pub fn new(service: S) -> Self {
        Services(Nil).add(service)
    }
}

impl<L> Services<L> {
    /// And another one.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "a list has no sum")]
    pub fn add<S: NamedService>(self, service: S) -> Services<Entry<S, L>> {
        self.add_optional(Some(service))
    }

    /// And another one, if there is one: a list whose type is known at compile time cannot be built in an `if`.
    #[must_use]
    pub fn add_optional<S: NamedService>(self, service: Option<S>) -> Services<Entry<S, L>> {
        Services(Entry { service, rest: self.0 })
    }

    pub(crate) fn each_name(&self, f: &mut dyn FnMut(&'static str))
    where
        L: Names,
    {
        self.0.each_name(f);
    }

    pub(crate) fn into_list(self) -> L {
        self.0
    }
}

/// What can be served: one generated service, or [`Services`]. Sealed: for these two.
pub trait IntoServices: sealed::IntoServices {
    /// The list of services.
    type List;

    /// The services.
    fn into_services(self) -> Services<Self::List>;
}

impl<L> IntoServices for Services<L> {
    type List = L;

    fn into_services(self) -> Services<L> {
        self
    }
}

impl<S: NamedService> IntoServices for S {
    type List = Entry<S, Nil>;

    fn into_services(self) -> Services<Self::List> {
        Services::new(self)
    }
}

/// A list of services that take requests with bodies of type `B`. Sealed: for [`Nil`] and [`Entry`].
pub trait List<B>: sealed::List + Clone + Send + 'static {
    /// The body of responses.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Default + Send + 'static;
    /// Waits for the response.
    type Future: Future<Output = Response<Self::Body>> + Send + 'static;

    /// Where in the list the service is that this path names; the length of the list if it is not there.
    fn position(&self, path: &str) -> usize;

    /// Passes the request to the service at `position`.
    fn call(&self, position: usize, request: Request<B>) -> Self::Future;
}

/// The names of the services of a list. Sealed: for [`Nil`] and [`Entry`].
pub trait Names: sealed::List {
    /// Calls `f` with each name.
    fn each_name(&self, f: &mut dyn FnMut(&'static str));
}

mod sealed {
    use tonic::server::NamedService;

    pub trait IntoServices {}
    impl<L> IntoServices for super::Services<L> {}
    impl<S: NamedService> IntoServices for S {}

    pub trait List {}
    impl List for super::Nil {}
    impl<S, R> List for super::Entry<S, R> {}
}

impl Names for Nil {
    fn each_name(&self, _: &mut dyn FnMut(&'static str)) {}
}

impl<S: NamedService, R: Names> Names for Entry<S, R> {
    fn each_name(&self, f: &mut dyn FnMut(&'static str)) {
        self.rest.each_name(f);
        if self.service.is_some() {
            f(S::NAME);
        }
    }
}

impl<B> List<B> for Nil {
    type Body = NoBody;
    type Future = Ready<Response<Self::Body>>;

    #[inline]
    fn position(&self, _: &str) -> usize {
        0
    }

    #[inline]
    fn call(&self, _: usize, request: Request<B>) -> Self::Future {
        let path = Excerpt(request.uri().path());
        let status = Status::unimplemented(format!("there is no service for {path}"));
        ready(status.into_http())
    }
}

impl<S, R, B, ResBody> List<B> for Entry<S, R>
where
    S: NamedService
        + Service<Request<B>, Response = Response<ResBody>, Error = Infallible, Future: Send>,
    S: Clone + Send + 'static,
    ResBody: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    R: List<B>,
    B: Send + 'static,
{
    type Body = EitherBody<ResBody, R::Body>;
    type Future = EntryFuture<S::Future, Oneshot<S, Request<B>>, R::Future>;

    #[inline]
    fn position(&self, path: &str) -> usize {
        match self.service {
            Some(_) if is_of(path, S::NAME) => 0,
            _ => 1 + self.rest.position(path),
        }
    }

    #[inline]
    fn call(&self, position: usize, request: Request<B>) -> Self::Future {
        match (position, &self.service) {
            (0, Some(service)) => EntryFuture::here(service.clone(), request),
            _ => EntryFuture::Rest { future: self.rest.call(position.saturating_sub(1), request) },
        }
    }
}

pin_project! {
    /// Waits for a service of a list.
    #[project = EntryFutureProjection]
    #[derive(Debug)]
    #[doc(hidden)]
    pub enum EntryFuture<A, W, R> {
        Here { #[pin] future: A },
        Waiting { future: Pin<Box<W>> },
        Rest { #[pin] future: R },
    }
}

impl<S, B, R> EntryFuture<S::Future, Oneshot<S, Request<B>>, R>
where
    S: Service<Request<B>>,
{
    /// A service that is ready, as generated ones always are, is called at once: a future that held the request
    /// while it waits would be large, and is moved several times before it is first polled.
    #[inline]
    fn here(mut service: S, request: Request<B>) -> Self {
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => EntryFuture::Here { future: service.call(request) },
            _ => EntryFuture::Waiting { future: Box::pin(Oneshot::new(service, request)) },
        }
    }
}

impl<A, W, R, ABody, RBody> Future for EntryFuture<A, W, R>
where
    A: Future<Output = Result<Response<ABody>, Infallible>>,
    W: Future<Output = Result<Response<ABody>, Infallible>>,
    R: Future<Output = Response<RBody>>,
{
    type Output = Response<EitherBody<ABody, RBody>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(response) = match self.project() {
            EntryFutureProjection::Here { future } => try_ready!(future.poll(cx)),
            EntryFutureProjection::Waiting { future } => try_ready!(future.as_mut().poll(cx)),
            EntryFutureProjection::Rest { future } => {
                return future.poll(cx).map(|r| r.map(EitherBody::right));
            }
        };
        Poll::Ready(response.map(EitherBody::left))
    }
}

/// Passes each request to the service that its path names. Always ready: a service is asked when it is called.
#[derive(Debug, Clone)]
pub struct Router<L>(L);

impl<L> Router<L> {
    pub(crate) fn new(services: Services<L>) -> Self {
        Self(services.into_list())
    }
}

impl<L: List<B>, B> Service<Request<B>> for Router<L> {
    type Response = Response<L::Body>;
    type Error = Infallible;
    type Future = RouterFuture<L::Future>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        RouterFuture { future: self.0.call(self.0.position(request.uri().path()), request) }
    }
}

/// Whether the path is one of this service: `/service/` and a method, which is the service's to know.
#[inline]
pub(super) fn is_of(path: &str, service: &str) -> bool {
    let path = path.strip_prefix('/').and_then(|path| path.strip_prefix(service));
    path.is_some_and(|path| path.starts_with('/'))
}

pin_project! {
    /// Waits for a response; it cannot fail.
    #[derive(Debug)]
    pub struct RouterFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for RouterFuture<F> {
    type Output = Result<F::Output, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests;
