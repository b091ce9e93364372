//! The service.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tonic::Status;
use tower_service::Service;

use super::{
    DeadlineBody, DeadlineFuture, DeadlineLayer, GRPC_TIMEOUT, POLICY, exceeded,
    grpc_timeout::{self, Malformed},
};
use crate::{call::Call, reject};

/// Bounds the time of a call. See the [module](super).
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    layer: DeadlineLayer,
    inner: S,
}

impl<S> Deadline<S> {
    #[inline]
    pub(super) fn new(layer: DeadlineLayer, inner: S) -> Self {
        Self { layer, inner }
    }

    /// When the call must have ended; an error if it must not even begin.
    #[inline]
    fn admit<B>(&self, request: &Request<B>) -> Result<Option<Instant>, Status> {
        let deadline = Call::with_current(|call| match call {
            Some(call) => self.of_call(call),
            None => self.of_request(request),
        });
        match deadline {
            Ok(Some((began, deadline))) if deadline <= began => Err(exceeded()),
            Ok(times) => Ok(times.map(|(_, deadline)| deadline)),
            Err(Malformed) => {
                reject::note(POLICY);
                Err(Status::internal("malformed grpc-timeout: not 1 to 8 digits and a unit"))
            }
        }
    }

    /// Under `Observe`, which has read the header: the call's beginning, and its deadline, with the maximum applied to it.
    #[inline]
    fn of_call(&self, call: &Call) -> Result<Option<(Instant, Instant)>, Malformed> {
        if let Some(Err(malformed)) = call.timeout() {
            return Err(*malformed);
        }
        if let Some(max) = self.max(call.path())
            && !call.method().is_builtin()
        {
            call.limit_to(max);
        }
        Ok(call.deadline().map(|deadline| (call.started(), deadline)))
    }

    fn of_request<B>(&self, request: &Request<B>) -> Result<Option<(Instant, Instant)>, Malformed> {
        let header = request.headers().get(&GRPC_TIMEOUT);
        let asked = header.map(|value| grpc_timeout::parse(value.as_bytes())).transpose()?;
        let timeout = asked.into_iter().chain(self.max(request.uri().path())).min();
        // A time that is beyond the clock's end is as good as none.
        let began = Instant::now();
        Ok(timeout.and_then(|timeout| Some((began, began.checked_add(timeout)?))))
    }

    #[inline]
    fn max(&self, path: &str) -> Option<Duration> {
        self.layer.maxima.as_ref()?.of(path)
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Deadline<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes> + Default,
{
    type Response = Response<DeadlineBody<ResBody>>;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.admit(&request) {
            Ok(deadline) => DeadlineFuture::new(self.inner.call(request), deadline),
            Err(status) => DeadlineFuture::refused(status),
        }
    }
}
