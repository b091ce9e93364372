//! The response future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use super::{Arrival, Decision, Policy, service::refuse};
use crate::{Call, hold::Held};

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
        Waiting { waiting: Pin<Box<Waiting<P, S, B>>> },
    }
}

pin_project! {
    /// A call that waits.
    struct Waiting<P: Policy, S, B> {
        #[pin]
        wait: P::Wait,
        // Taken when the wait is over.
        call: Option<(P, S, Request<B>)>,
    }
}

impl<P: Policy, S: Service<Request<B>>, B> AdmissionFuture<P, S, B> {
    #[inline]
    pub(super) fn admitted(inner: S::Future, permit: Option<P::Permit>) -> Self {
        Self { state: State::Admitted { inner, permit } }
    }

    #[inline]
    pub(super) fn refused(response: Response<()>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(super) fn waiting(wait: P::Wait, policy: P, service: S, request: Request<B>) -> Self {
        Self { state: State::waiting(wait, (policy, service, request)) }
    }
}

impl<P: Policy, S: Service<Request<B>>, B> State<P, S, B> {
    fn waiting(wait: P::Wait, call: (P, S, Request<B>)) -> Self {
        State::Waiting { waiting: Box::pin(Waiting { wait, call: Some(call) }) }
    }

    /// What follows when the wait is over.
    fn poll_wait(waiting: Pin<&mut Waiting<P, S, B>>, cx: &mut Context<'_>) -> Poll<Self> {
        let waiting = waiting.project();
        let waited = ready!(waiting.wait.poll(cx));
        let (policy, mut service, request) = waiting.call.take().expect("a wait ends once");
        let decided = waited.map_or_else(Decision::Refuse, |permit| {
            let call = Call::current();
            policy.resume(permit, &Arrival::new(call.as_ref(), &request), Instant::now)
        });
        Poll::Ready(match decided {
            Decision::Admit(permit) => {
                State::Admitted { inner: service.call(request), permit: Some(permit) }
            }
            Decision::Refuse(refusal) => {
                State::Refused { response: Some(refuse(&refusal, request.uri().path())) }
            }
            Decision::Wait(wait) => State::waiting(wait, (policy, service, request)),
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

    #[inline]
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
