//! The future and the body of a response, which end when a message of the request has no room.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Response, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::share::Share;

pin_project! {
    /// Waits for the head of the response, or for a message of the request that has no room.
    #[derive(Debug)]
    pub struct RequestBytesFuture<F> {
        // `None` when it was refused. Dropped before the share: what the handler holds counts until it is gone.
        #[pin]
        inner: Option<F>,
        // `None` where nothing is counted, and after completion.
        share: Option<Share>,
        // In a box: there is rarely one, and all futures are moved.
        refused: Option<Box<HeaderMap>>,
    }
}

impl<F> RequestBytesFuture<F> {
    #[inline]
    pub(super) fn new(inner: F, share: Option<Share>) -> Self {
        Self { inner: Some(inner), share, refused: None }
    }

    #[inline]
    pub(super) fn refused(told: HeaderMap) -> Self {
        Self { inner: None, share: None, refused: Some(Box::new(told)) }
    }
}

impl<F, B, E> Future for RequestBytesFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<CountedResponse<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            let told = this.refused.take().expect("a future is not polled after completion");
            return Poll::Ready(Ok(answer(*told)));
        };
        let polled = inner.poll(cx);
        if let Some(told) = refused(this.share.as_ref(), polled.is_ready(), cx) {
            // The handler ends here, whatever it has made of it.
            this.inner.set(None);
            return Poll::Ready(Ok(answer(told)));
        }
        let share = this.share;
        polled.map_ok(|response| response.map(|body| CountedResponse::new(body, share.take())))
    }
}

/// What the caller is told, if a message had no room. While the handler waits, the task is woken when that happens: the
/// request may be read by another one.
#[inline]
fn refused(share: Option<&Share>, is_ready: bool, cx: &Context<'_>) -> Option<HeaderMap> {
    let account = share?.account();
    let told = if is_ready { account.refused() } else { account.poll_refused(cx.waker()) };
    told.cloned()
}

fn answer<B: Default>(told: HeaderMap) -> Response<CountedResponse<B>> {
    let mut response = Response::new(CountedResponse::default());
    *response.headers_mut() = told;
    response
}

pin_project! {
    /// The body of a response, which holds what the call has taken, and ends when a message of the request has no room.
    #[derive(Debug)]
    pub struct CountedResponse<B> {
        // `None` when it was cut. Dropped before the share, as above.
        #[pin]
        inner: Option<B>,
        share: Option<Share>,
        // The last frame has passed: the call has its status.
        ended: bool,
    }
}

impl<B> CountedResponse<B> {
    #[inline]
    fn new(inner: B, share: Option<Share>) -> Self {
        Self { inner: Some(inner), share, ended: false }
    }
}

impl<B: Default> Default for CountedResponse<B> {
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: Body<Data = Bytes>> Body for CountedResponse<B> {
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
        let polled = inner.poll_frame(cx);
        if !*this.ended
            && let Some(mut told) = refused(this.share.as_ref(), polled.is_ready(), cx)
        {
            // The handler ends here.
            this.inner.set(None);
            *this.ended = true;
            told.remove(CONTENT_TYPE);
            return Poll::Ready(Some(Ok(Frame::trailers(told))));
        }
        if let Poll::Ready(frame) = &polled {
            *this.ended |= !matches!(frame, Some(Ok(frame)) if frame.is_data());
        }
        polled
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        let hint = self.inner.as_ref().map(Body::size_hint).unwrap_or_default();
        if self.share.is_some() && hint.exact().is_some_and(|exact| exact > 0) {
            // A server would promise an exact length to the client, and the body may be cut.
            return SizeHint::new();
        }
        hint
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}
