//! Both bodies of an observed call.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Code;

use super::{
    Observer,
    guard::{Guard, Shared, count_traffic},
};
use crate::{
    call::{Call, Direction, MessageCount},
    outcome::{Cause, End},
};

pin_project! {
    /// The request's body: counts messages and bytes.
    pub struct ObservedRequest<O, B> {
        shared: Arc<Shared<O>>,
        call: Call,
        count: MessageCount,
        #[pin]
        body: B,
    }
}

impl<O, B> ObservedRequest<O, B> {
    #[inline]
    pub(super) fn new(shared: Arc<Shared<O>>, call: Call, body: B) -> Self {
        Self { shared, call, count: MessageCount::default(), body }
    }
}

impl<O: Observer, B: Body<Data = Bytes>> Body for ObservedRequest<O, B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let polled = this.body.poll_frame(cx);
        this.call.note_request_polled(polled.is_pending());
        let frame = ready!(polled);
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let messages = this.count.feed(data);
            count_traffic(this.shared, this.call, Direction::Received, messages, data.len() as u64);
        }
        Poll::Ready(frame)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

pin_project! {
    /// The response's body: counts messages and bytes, reads the status from the trailers, and ends the
    /// call when it is dropped, which is when the server has handed its last frame on.
    pub struct ObservedResponse<O: Observer, B> {
        // `None` only when dropped.
        #[pin]
        body: Option<B>,
        count: MessageCount,
        guard: Guard<O>,
    }

    impl<O: Observer, B> PinnedDrop for ObservedResponse<O, B> {
        // What the handler does while it is dropped, before its end, belongs to the call.
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.guard.has_ended() {
                let _current = this.guard.call().enter_unless_current();
                this.body.set(None);
            }
        }
    }
}

impl<O: Observer, B: Body<Data = Bytes>> ObservedResponse<O, B> {
    #[inline]
    pub(super) fn new(guard: Guard<O>, body: B) -> Self {
        Self { body: Some(body), count: MessageCount::default(), guard }
    }
}

impl<O: Observer, B> ObservedResponse<O, B> {
    /// The call.
    #[inline]
    pub fn observed(&self) -> &Call {
        self.guard.call()
    }
}

impl<O: Observer, B: Body<Data = Bytes>> Body for ObservedResponse<O, B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = {
            let _current = this.guard.call().enter_unless_current();
            let body = this.body.as_mut().as_pin_mut().expect("it is there until the drop");
            this.guard.call().note_body_polled();
            body.poll_frame(cx)
        };
        this.guard.call().note_waits_for_handler(polled.is_pending());
        let mut frame = ready!(polled);
        match &mut frame {
            None => this.guard.set_end(End::new(Code::Unknown, Cause::NoStatus)),
            Some(Err(_)) => this.guard.set_end(End::new(Code::Internal, Cause::Error)),
            Some(Ok(frame)) => see_frame(this.guard, this.count, frame),
        }
        if this.body.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream()) {
            // A server does not ask for more. (The first end that is seen stands.)
            this.guard.set_end(End::new(Code::Unknown, Cause::NoStatus));
        }
        Poll::Ready(frame)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

#[inline]
fn see_frame<O: Observer>(
    guard: &mut Guard<O>,
    count: &mut MessageCount,
    frame: &mut Frame<Bytes>,
) {
    if let Some(data) = frame.data_ref() {
        let messages = count.feed(data);
        guard.add_traffic(Direction::Sent, messages, data.len() as u64);
    } else if let Some(trailers) = frame.trailers_mut() {
        let end = End::read(trailers, Cause::Trailers);
        guard.set_end(end.unwrap_or(End::new(Code::Unknown, Cause::NoStatus)));
    }
}

impl<O: Observer, B> fmt::Debug for ObservedResponse<O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedResponse").field("call", self.guard.call()).finish_non_exhaustive()
    }
}

impl<O, B> fmt::Debug for ObservedRequest<O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedRequest").field("call", &self.call).finish_non_exhaustive()
    }
}
