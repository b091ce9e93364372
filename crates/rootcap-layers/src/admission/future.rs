//! The response future.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use tonic::Status;

use crate::{hold::Held, reject};

pin_project! {
    /// Waits for the head of the response with the permit in hand, or refuses.
    #[derive(Debug)]
    pub struct AdmissionFuture<F, T> {
        #[pin]
        state: State<F, T>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F, T> {
        // In this order, so that the permit is dropped last.
        Admitted { #[pin] inner: F, permit: Option<T> },
        Refused { status: Option<Status> },
    }
}

impl<F, T> AdmissionFuture<F, T> {
    pub(super) fn admitted(inner: F, permit: Option<T>) -> Self {
        Self { state: State::Admitted { inner, permit } }
    }

    pub(super) fn refused(status: Status) -> Self {
        Self { state: State::Refused { status: Some(status) } }
    }
}

impl<F, T, B, E> Future for AdmissionFuture<F, T>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<Held<B, T>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Admitted { inner, permit } => {
                let result = ready!(inner.poll(cx));
                Poll::Ready(
                    result.map(|response| response.map(|body| Held::new(body, permit.take()))),
                )
            }
            StateProj::Refused { status } => {
                let status = status.take().expect("a future is not polled after completion");
                Poll::Ready(Ok(reject::response(&status)))
            }
        }
    }
}
