//! A body of one type or another.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use pin_project_lite::pin_project;

use crate::bounds::BoxError;

/// The body of an answer that has none, as a refusal.
pub(super) type NoBody = UnsyncBoxBody<Bytes, BoxError>;

pin_project! {
    /// A body of one type or another, without a box. The one on the right is one of ours, whose frames pass as they are.
    #[derive(Debug)]
    pub struct EitherBody<A, B> {
        #[pin]
        inner: Either<A, B>,
    }
}

pin_project! {
    #[project = EitherProjection]
    #[derive(Debug)]
    enum Either<A, B> {
        Left { #[pin] body: A },
        Right { #[pin] body: B },
    }
}

impl<A, B> EitherBody<A, B> {
    #[inline]
    pub(crate) fn left(body: A) -> Self {
        Self { inner: Either::Left { body } }
    }

    #[inline]
    pub(crate) fn right(body: B) -> Self {
        Self { inner: Either::Right { body } }
    }
}

/// The empty body of a rejection.
impl<A, B: Default> Default for EitherBody<A, B> {
    fn default() -> Self {
        Self::right(B::default())
    }
}

impl<A, B> Body for EitherBody<A, B>
where
    A: Body<Data = Bytes, Error: Into<BoxError>>,
    B: Body<Data = Bytes, Error = BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().inner.project() {
            EitherProjection::Left { body } => body.poll_frame(cx).map_err(Into::into),
            EitherProjection::Right { body } => body.poll_frame(cx),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Either::Left { body } => body.size_hint(),
            Either::Right { body } => body.size_hint(),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Either::Left { body } => body.is_end_stream(),
            Either::Right { body } => body.is_end_stream(),
        }
    }
}
