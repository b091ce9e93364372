//! What HTTP/2 holds of the responses on a connection: counted from the body to the socket, and bounded.
//!
//! h2 takes a chunk whole, however little of it the peer's flow control lets through. Every chunk is therefore counted
//! until h2 has written or dropped it, for its connection and for its call:
//! - a connection for which too much is held makes its calls wait, before their bodies are asked for more, and before
//!   their handlers begin: an answer that nobody takes is memory, too;
//! - a call of whose answer much is still held at its end is not over: its trailers wait, so that its deadline and the
//!   stall timeout still have a task to end.

mod room;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use rootcap_layers::{
    Call,
    observe::{ObserveFuture, ObservedResponse, Observer},
};
use tokio::time::{Sleep, sleep_until};

use self::room::Room;
pub(crate) use self::room::Sending;

/// A chunk of a response that counts as held until it is written or dropped.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Bytes,
    sending: Arc<Sending>,
    call: Call,
}

impl Held {
    #[inline]
    fn new(bytes: Bytes, sending: Arc<Sending>, call: Call) -> Self {
        sending.hold(bytes.len());
        call.unsent().add(bytes.len() as u64);
        Self { bytes, sending, call }
    }

    #[inline]
    fn release(&self, bytes: usize) {
        self.sending.release(bytes);
        self.call.unsent().remove(bytes as u64);
    }
}

impl Buf for Held {
    #[inline]
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.release(count);
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.release(self.bytes.len());
        }
    }
}

pin_project! {
    /// Waits for the head of a response, and wraps its body. Begins when there is room, or it is too late.
    pub(crate) struct SendFuture<O: Observer, F> {
        #[pin]
        future: ObserveFuture<O, F>,
        // `None` only after completion.
        room: Option<Room>,
        begun: bool,
        // In a box, as few calls wait.
        late: Option<Pin<Box<Sleep>>>,
    }
}

impl<O: Observer, F> SendFuture<O, F> {
    #[inline]
    pub(crate) fn new(future: ObserveFuture<O, F>, sending: Arc<Sending>) -> Self {
        Self { future, room: Some(Room::new(sending)), begun: false, late: None }
    }

    /// The call, until the head of the response has been returned.
    #[inline]
    pub(crate) fn observed(&self) -> Option<&Call> {
        self.future.observed()
    }

    /// Ready when the call may begin: for want of room, at its deadline, which the layer that holds it then tells.
    #[inline]
    fn poll_begin(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (Some(call), Some(room)) = (this.future.observed(), this.room) else {
            return Poll::Ready(());
        };
        if room.poll(call, cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(deadline) = call.deadline() else { return Poll::Pending };
        this.late.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(cx)
    }
}

impl<O, F, B, E> Future for SendFuture<O, F>
where
    O: Observer,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<SendBody<O, B>>, E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.begun {
            ready!(self.as_mut().poll_begin(cx));
        }
        let this = self.project();
        *this.begun = true;
        let response = ready!(this.future.poll(cx))?;
        let room = this.room.take().expect("a future is not polled after completion");
        Poll::Ready(Ok(response.map(|body| SendBody { body, room, trailers: None })))
    }
}

pin_project! {
    /// The body of a response whose chunks are [`Held`].
    pub(crate) struct SendBody<O: Observer, B> {
        #[pin]
        body: ObservedResponse<O, B>,
        room: Room,
        // The end of the call, while its last chunk is held. In a box: few wait, and all bodies are moved.
        trailers: Option<Box<HeaderMap>>,
    }

    impl<O: Observer, B> PinnedDrop for SendBody<O, B> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.trailers.is_some() {
                this.body.observed().set_end_unsent();
            }
        }
    }
}

impl<O: Observer, B: Body<Data = Bytes>> Body for SendBody<O, B> {
    type Data = Held;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Held>, B::Error>>> {
        let mut this = self.project();
        if this.trailers.is_none() {
            ready!(this.room.poll(this.body.observed(), cx));
            let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            let frame = hold(frame?, &this.room.sending, this.body.observed());
            if frame.is_data() || this.body.observed().unsent().poll_few(cx).is_ready() {
                return Poll::Ready(Some(Ok(frame)));
            }
            *this.trailers = frame.into_trailers().ok().map(Box::new);
            return Poll::Pending;
        }
        ready!(this.body.observed().unsent().poll_few(cx));
        Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(*trailers))))
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.trailers.is_none() && self.body.is_end_stream()
    }
}

#[inline]
fn hold(frame: Frame<Bytes>, sending: &Arc<Sending>, call: &Call) -> Frame<Held> {
    frame.map_data(|bytes| Held::new(bytes, Arc::clone(sending), call.clone()))
}

#[cfg(test)]
pub(in crate::server) use self::room::tests::call as tests_call;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::{room::tests::call, *};

    /// What becomes of a chunk: it is written in parts, and dropped.
    type Chunk = (u16, Vec<u16>);

    proptest! {
        #[test]
        fn what_is_held_is_what_is_neither_written_nor_dropped(chunks: Vec<Chunk>) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (sending, call) = (Arc::new(Sending::new(1 << 16)), runtime.block_on(call()));
            let held: Vec<_> = chunks.iter().map(|(size, _)| {
                let bytes = Bytes::from(vec![0; usize::from(*size)]);
                Held::new(bytes, Arc::clone(&sending), call.clone())
            }).collect();
            let mut left: usize = chunks.iter().map(|(size, _)| usize::from(*size)).sum();
            for (mut chunk, (_, parts)) in held.into_iter().zip(chunks) {
                for part in parts {
                    let part = usize::from(part).min(chunk.remaining());
                    chunk.advance(part);
                    left -= part;
                    prop_assert_eq!((sending.held(), call.unsent().bytes()), (left, left as u64));
                }
                left -= chunk.remaining();
                drop(chunk);
                prop_assert_eq!((sending.held(), call.unsent().bytes()), (left, left as u64));
            }
            prop_assert_eq!(left, 0);
        }
    }
}
