//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Policy, service::refuse};
use crate::hold::Held;

pin_project! {
    /// Waits until the call is admitted, if it has to, and then for the head of the response, with the permit in hand;
    /// or refuses.
    pub struct AdmissionFuture<P: Policy, S: Service<Request<B>>, B> {
        #[pin]
        state: State<P, S, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<P: Policy, S: Service<Request<B>>, B> {
        // In this order, so that the permit is dropped last.
        Admitted { #[pin] inner: S::Future, permit: Option<P::Permit> },
        Refused { response: Option<Response<()>> },
        // In a box, so that the many calls that do not wait have no room for it.
        Waiting { waiting: Pin<Box<Waiting<P::Wait, S, B>>> },
    }
}

pin_project! {
    /// A call that waits.
    struct Waiting<W, S, B> {
        #[pin]
        wait: W,
        // Taken when the wait is over.
        call: Option<(S, Request<B>)>,
    }
}

impl<P: Policy, S: Service<Request<B>>, B> AdmissionFuture<P, S, B> {
    pub(super) fn admitted(inner: S::Future, permit: Option<P::Permit>) -> Self {
        Self { state: State::Admitted { inner, permit } }
    }

    pub(super) fn refused(response: Response<()>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(super) fn waiting(wait: P::Wait, service: S, request: Request<B>) -> Self {
        let call = Some((service, request));
        Self { state: State::Waiting { waiting: Box::pin(Waiting { wait, call }) } }
    }
}

impl<P: Policy, S: Service<Request<B>>, B> State<P, S, B> {
    /// What follows when the wait is over.
    fn poll_wait(waiting: Pin<&mut Waiting<P::Wait, S, B>>, cx: &mut Context<'_>) -> Poll<Self> {
        let waiting = waiting.project();
        let decided = ready!(waiting.wait.poll(cx));
        let (mut service, request) = waiting.call.take().expect("a wait ends once");
        Poll::Ready(match decided {
            Ok(permit) => State::Admitted { inner: service.call(request), permit: Some(permit) },
            Err(refusal) => {
                State::Refused { response: Some(refuse(&refusal, request.uri().path())) }
            }
        })
    }
}

impl<P, S, ReqBody, ResBody> Future for AdmissionFuture<P, S, ReqBody>
where
    P: Policy,
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Output = Result<Response<Held<ResBody, P::Permit>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Admitted { inner, permit } => {
                    let result = ready!(inner.poll(cx));
                    return Poll::Ready(
                        result.map(|response| response.map(|body| Held::new(body, permit.take()))),
                    );
                }
                StateProj::Refused { response } => {
                    let response = response.take().expect("not polled after completion");
                    return Poll::Ready(Ok(response.map(|()| Held::default())));
                }
                StateProj::Waiting { waiting } => ready!(State::poll_wait(waiting.as_mut(), cx)),
            };
            state.set(next);
        }
    }
}

impl<P: Policy, S: Service<Request<B>>, B> fmt::Debug for AdmissionFuture<P, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Admitted { .. } => "admitted",
            State::Refused { .. } => "refused",
            State::Waiting { .. } => "waiting",
        };
        f.debug_tuple("AdmissionFuture").field(&state).finish()
    }
}
