//! The response future.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{CatchPanicBody, guard::Slot};
use crate::reject;

pin_project! {
    /// Waits for the head of the response, or for a panic.
    #[derive(Debug)]
    pub struct CatchPanicFuture<F> {
        #[pin]
        inner: Slot<F>,
    }
}

impl<F> CatchPanicFuture<F> {
    #[inline]
    pub(super) fn new(inner: F) -> Self {
        Self { inner: Slot::new(inner) }
    }

    #[inline]
    pub(super) fn panicked() -> Self {
        Self { inner: Slot::empty() }
    }
}

impl<F, B, E> Future for CatchPanicFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + Default,
{
    type Output = Result<Response<CatchPanicBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().inner.with(|inner| inner.poll(cx)) {
            Ok(result) => result.map_ok(|response| response.map(CatchPanicBody::new)),
            Err(panicked) => Poll::Ready(Ok(reject::response(&panicked.status()))),
        }
    }
}
