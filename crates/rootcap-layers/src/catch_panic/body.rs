//! The response body.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Slot;
use crate::reject;

pin_project! {
    /// A body that ends with `INTERNAL` in its trailers when it panics.
    #[derive(Debug)]
    pub struct CatchPanicBody<B> {
        #[pin]
        inner: Slot<B>,
        // The last frame has passed: the call has its status, and cannot get another one.
        ended: bool,
    }
}

impl<B> CatchPanicBody<B> {
    #[inline]
    pub(super) fn new(inner: B) -> Self {
        Self { inner: Slot::new(inner), ended: false }
    }
}

impl<B: Default> Default for CatchPanicBody<B> {
    fn default() -> Self {
        Self::new(B::default())
    }
}

impl<B: Body<Data = Bytes>> Body for CatchPanicBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let frame = match this.inner.with(|body| body.poll_frame(cx)) {
            Ok(frame) => ready!(frame),
            Err(panicked) => Some(Ok(Frame::trailers(reject::trailers(&panicked.status())))),
        };
        *this.ended = !matches!(&frame, Some(Ok(frame)) if frame.is_data());
        Poll::Ready(frame)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.inner.get().map(Body::size_hint).unwrap_or_default()
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.get().is_some_and(Body::is_end_stream)
    }
}
