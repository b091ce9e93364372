//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    BoxError,
    request::{CountedRequest, Meter},
    response::{CountedResponse, RequestBytesFuture},
    rule::RequestBytesRule,
    share::Share,
};
use crate::Call;

/// Serves calls while there is room for their requests. See the [module](super).
#[derive(Debug, Clone)]
pub struct RequestBytes<S> {
    rule: Option<Arc<RequestBytesRule>>,
    inner: S,
}

impl<S> RequestBytes<S> {
    pub(super) fn new(rule: Option<Arc<RequestBytesRule>>, inner: S) -> Self {
        Self { rule, inner }
    }

    /// What the call holds, if it is one that counts; or what its caller is told.
    #[inline]
    fn admit<B: Body>(&self, request: &Request<B>) -> Result<Option<Share>, HeaderMap> {
        let Some(rule) = &self.rule else { return Ok(None) };
        let call = Call::current();
        if call.as_ref().is_some_and(|call| call.method().is_builtin()) {
            return Ok(None);
        }
        let bytes = request.body().size_hint().exact();
        rule.arrive(call.as_ref(), bytes)
            .map_err(|full| rule.answer(request.uri().path(), full, false))?;
        Ok(Some(Share::new(rule, call, request.uri())))
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequestBytes<S>
where
    S: Service<Request<CountedRequest<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes, Error: Into<BoxError>>,
    ResBody: Body<Data = Bytes> + Default,
{
    type Response = Response<CountedResponse<ResBody>>;
    type Error = S::Error;
    type Future = RequestBytesFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.admit(&request) {
            Ok(share) => {
                let meter = share.clone().map(Meter::new);
                let request = request.map(|body| CountedRequest::new(body, meter));
                RequestBytesFuture::new(self.inner.call(request), share)
            }
            Err(told) => RequestBytesFuture::refused(told),
        }
    }
}
