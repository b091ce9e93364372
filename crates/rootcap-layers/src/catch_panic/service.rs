//! The service.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    CatchPanicBody, CatchPanicFuture,
    guard::{Panicked, guard},
};

/// Ends a call as `INTERNAL` when it panics. See the [module](super).
#[derive(Debug)]
pub struct CatchPanic<S> {
    inner: S,
    /// Becoming ready panicked. There is no call yet that could be answered: the next one is.
    unready: bool,
}

impl<S> CatchPanic<S> {
    #[inline]
    pub(super) fn new(inner: S) -> Self {
        Self { inner, unready: false }
    }
}

impl<S: Clone> Clone for CatchPanic<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CatchPanic<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes> + Default,
{
    type Response = Response<CatchPanicBody<ResBody>>;
    type Error = S::Error;
    type Future = CatchPanicFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = guard(|| self.inner.poll_ready(cx));
        self.unready = ready.is_err();
        ready.unwrap_or(Poll::Ready(Ok(())))
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        if self.unready {
            Panicked.note();
            return CatchPanicFuture::panicked();
        }
        match guard(|| self.inner.call(request)) {
            Ok(future) => CatchPanicFuture::new(future),
            Err(Panicked) => CatchPanicFuture::panicked(),
        }
    }
}
