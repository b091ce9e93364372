//! The response body.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{exceeded, poll_end, timer::Timer};
use crate::reject;

pin_project! {
    /// A body that ends with `DEADLINE_EXCEEDED` in its trailers when its time is up.
    #[derive(Debug)]
    pub struct DeadlineBody<B> {
        // `None` when the time is up.
        #[pin]
        inner: Option<B>,
        timer: Timer,
    }
}

impl<B> DeadlineBody<B> {
    #[inline]
    pub(super) fn new(inner: B, deadline: Option<Instant>) -> Self {
        Self { inner: Some(inner), timer: Timer::new(deadline) }
    }
}

impl<B: Default> Default for DeadlineBody<B> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: Body<Data = Bytes>> Body for DeadlineBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let mut status = None;
        // A body that always has a frame never waits for the timer: the clock is asked before each.
        if !this.timer.is_up() {
            if let Poll::Ready(frame) = inner.poll_frame(cx) {
                if !matches!(&frame, Some(Ok(frame)) if frame.is_data()) {
                    // The call has its status: it cannot get another one.
                    *this.timer = Timer::new(None);
                }
                return Poll::Ready(frame);
            }
            status = Some(ready!(poll_end(this.timer, cx)));
        }
        // The handler ends here.
        this.inner.set(None);
        let trailers = reject::trailers(&status.unwrap_or_else(exceeded));
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.as_ref().map(Body::size_hint).unwrap_or_default();
        if self.timer.at().is_some() && hint.exact().is_some_and(|exact| exact > 0) {
            // A server would promise an exact length to the client, and the body may be cut.
            hint = SizeHint::new();
        }
        hint
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}
