//! The response future.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tonic::Status;

use super::{DeadlineBody, exceeded, poll_end, timer::Timer};
use crate::reject;

pin_project! {
    /// Waits for the head of the response, until the deadline.
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        state: State<F>,
        timer: Timer,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] inner: F, begun: bool },
        Refused { status: Option<Status> },
    }
}

impl<F> DeadlineFuture<F> {
    #[inline]
    pub(super) fn new(inner: F, deadline: Option<Instant>) -> Self {
        Self { state: State::Running { inner, begun: false }, timer: Timer::new(deadline) }
    }

    #[inline]
    pub(super) fn refused(status: Status) -> Self {
        Self { state: State::Refused { status: Some(status) }, timer: Timer::new(None) }
    }
}

impl<F, B, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + Default,
{
    type Output = Result<Response<DeadlineBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        match this.state.as_mut().project() {
            StateProj::Refused { status } => {
                let status = status.take().expect("a future is not polled after completion");
                Poll::Ready(Ok(reject::response(&status)))
            }
            StateProj::Running { inner, begun } => {
                // A call may have waited for its turn: nothing begins that is too late.
                let too_late = !*begun && this.timer.is_up();
                *begun = true;
                if too_late {
                    this.state.set(State::Refused { status: None });
                    return Poll::Ready(Ok(reject::response(&exceeded())));
                }
                if let Poll::Ready(result) = inner.poll(cx) {
                    let deadline = this.timer.at();
                    let bound = |response: Response<B>| {
                        response.map(|body| DeadlineBody::new(body, deadline))
                    };
                    return Poll::Ready(result.map(bound));
                }
                let status = ready!(poll_end(this.timer, cx));
                // The handler ends here.
                this.state.set(State::Refused { status: None });
                Poll::Ready(Ok(reject::response(&status)))
            }
        }
    }
}
