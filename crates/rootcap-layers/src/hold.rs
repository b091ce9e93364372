//! [`Held`]: a body that holds a value, such as a permit, for as long as it lives.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that holds a value, such as a permit, until it is dropped: when the server has handed its
    /// last frame on, or when the call is cancelled.
    #[derive(Debug)]
    pub struct Held<B, T> {
        // Dropped before `held`: what the handler does while it is dropped is still covered by the permit.
        #[pin]
        body: B,
        held: Option<T>,
    }
}

impl<B, T> Held<B, T> {
    /// `body`, which holds `held`.
    #[inline]
    pub fn new(body: B, held: Option<T>) -> Self {
        Self { body, held }
    }
}

impl<B: Default, T> Default for Held<B, T> {
    /// The default body, which holds nothing.
    fn default() -> Self {
        Self::new(B::default(), None)
    }
}

impl<B: Body<Data = Bytes>, T> Body for Held<B, T> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().body.poll_frame(cx)
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
