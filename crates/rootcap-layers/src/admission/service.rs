//! The service.

use std::{
    mem,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{AdmissionFuture, Arrival, Decision, Policy, Refusal};
use crate::{Call, hold::Held, reject};

/// Serves the calls that a policy admits. See the [module](super).
#[derive(Debug, Clone)]
pub struct Admission<P, S> {
    policy: Option<P>,
    inner: S,
}

impl<P: Policy, S> Admission<P, S> {
    /// Asks `policy` about each call of `inner`; without one, every call is served.
    #[inline]
    pub fn new(policy: Option<P>, inner: S) -> Self {
        Self { policy, inner }
    }

    /// What is decided; the permit only if the call needs one.
    #[inline]
    fn decide<B>(&self, request: &Request<B>) -> Decision<Option<P::Permit>, P::Wait> {
        let Some(policy) = &self.policy else {
            return Decision::Admit(None);
        };
        let call = Call::current();
        let arrival = Arrival::new(call.as_ref(), request);
        if arrival.is_builtin() {
            return Decision::Admit(None);
        }
        match policy.admit(&arrival, || arrival.now()) {
            Decision::Admit(permit) => Decision::Admit(Some(permit)),
            Decision::Refuse(refusal) => Decision::Refuse(refusal),
            Decision::Wait(wait) => Decision::Wait(wait),
        }
    }
}

/// The answer to a call of `path` that is refused, which is noted in the call.
pub(super) fn refuse(refusal: &Refusal, path: &str) -> Response<()> {
    reject::note(refusal.policy);
    let mut response = Response::new(());
    *response.headers_mut() = refusal.headers(path);
    response
}

impl<P, S, ReqBody, ResBody> Service<Request<ReqBody>> for Admission<P, S>
where
    P: Policy,
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Body<Data = Bytes> + Default,
{
    type Response = Response<Held<ResBody, P::Permit>>;
    type Error = S::Error;
    type Future = AdmissionFuture<P, S, ReqBody>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.decide(&request) {
            Decision::Admit(permit) => AdmissionFuture::admitted(self.inner.call(request), permit),
            Decision::Refuse(refusal) => {
                AdmissionFuture::refused(refuse(&refusal, request.uri().path()))
            }
            Decision::Wait(wait) => {
                // The one that is ready is the one to call.
                let next = self.inner.clone();
                let service = mem::replace(&mut self.inner, next);
                let policy = self.policy.clone().expect("it has decided");
                AdmissionFuture::waiting(wait, policy, service, request)
            }
        }
    }
}
