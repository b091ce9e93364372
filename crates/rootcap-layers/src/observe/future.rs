//! The response future of an observed call.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tonic::Code;

use super::{Observer, body::ObservedResponse, guard::Guard};
use crate::{
    call::{Call, REQUEST_ID},
    outcome::{Cause, End},
};

pin_project! {
    /// Waits for the head of the response, and wraps its body.
    pub struct ObserveFuture<O: Observer, F> {
        // `None` only when dropped.
        #[pin]
        inner: Option<F>,
        // `None` only after completion.
        guard: Option<Guard<O>>,
    }

    impl<O: Observer, F> PinnedDrop for ObserveFuture<O, F> {
        // What the handler does while it is dropped belongs to the call.
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(guard) = this.guard {
                let _current = guard.call().enter_unless_current();
                this.inner.set(None);
            }
        }
    }
}

impl<O: Observer, F> ObserveFuture<O, F> {
    #[inline]
    pub(super) fn new(guard: Guard<O>, inner: F) -> Self {
        Self { inner: Some(inner), guard: Some(guard) }
    }

    /// The call, until the head of the response has been returned.
    #[inline]
    pub fn observed(&self) -> Option<&Call> {
        self.guard.as_ref().map(Guard::call)
    }
}

impl<O, F, B, E> Future for ObserveFuture<O, F>
where
    O: Observer,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ObservedResponse<O, B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let guard = this.guard.as_mut().expect("a future is not polled after completion");
        let result = {
            let _current = guard.call().enter_unless_current();
            guard.call().note_handler_polled();
            let inner = this.inner.as_pin_mut().expect("it is there until the drop");
            ready!(inner.poll(cx))
        };
        let mut guard = this.guard.take().expect("taken only here");
        Poll::Ready(match result {
            Ok(response) => Ok(observe_response(guard, response)),
            Err(error) => {
                guard.set_end(End::new(Code::Internal, Cause::Error));
                Err(error)
            }
        })
    }
}

#[inline]
fn observe_response<O: Observer, B: Body<Data = Bytes>>(
    mut guard: Guard<O>,
    mut response: Response<B>,
) -> Response<ObservedResponse<O, B>> {
    guard.answered(status_in_head(&mut response));
    let id = guard.call().request_id().header_value().clone();
    response.headers_mut().insert(REQUEST_ID, id);
    response.map(|body| ObservedResponse::new(guard, body))
}

/// The status, if the head has it already.
#[inline]
fn status_in_head<B: Body>(response: &mut Response<B>) -> Option<End> {
    if let Some(end) = End::read(response.headers_mut(), Cause::TrailersOnly) {
        return Some(end);
    }
    if response.status() != StatusCode::OK {
        return Some(End::of_http(response.status()));
    }
    // Without a body there will be no trailers.
    response.body().is_end_stream().then(|| End::new(Code::Unknown, Cause::NoStatus))
}
