//! The service.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tonic::Status;
use tower_service::Service;

use super::{AdmissionFuture, Policy, policy::refuse};
use crate::{call::Call, hold::Held};

/// Serves the calls that a policy admits. See the [module](super).
#[derive(Debug, Clone)]
pub struct Admission<P, S> {
    policy: Option<P>,
    inner: S,
}

impl<P: Policy, S> Admission<P, S> {
    /// Asks `policy` about each call of `inner`; without one, every call is served.
    pub fn new(policy: Option<P>, inner: S) -> Self {
        Self { policy, inner }
    }

    /// The permit, if the call needs one.
    fn admit<B>(&self, request: &Request<B>) -> Result<Option<P::Permit>, Status> {
        let Some(policy) = &self.policy else {
            return Ok(None);
        };
        if Call::with_current(|call| call.is_some_and(|call| call.method().is_builtin())) {
            return Ok(None);
        }
        match policy.admit() {
            Ok(permit) => Ok(Some(permit)),
            Err(refusal) => Err(refuse(policy.name(), request.uri().path(), &refusal)),
        }
    }
}

impl<P, S, ReqBody, ResBody> Service<Request<ReqBody>> for Admission<P, S>
where
    P: Policy,
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes> + Default,
{
    type Response = Response<Held<ResBody, P::Permit>>;
    type Error = S::Error;
    type Future = AdmissionFuture<S::Future, P::Permit>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.admit(&request) {
            Ok(permit) => AdmissionFuture::admitted(self.inner.call(request), permit),
            Err(status) => AdmissionFuture::refused(status),
        }
    }
}
