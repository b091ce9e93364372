//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, uri::PathAndQuery};
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
        let bytes = request.body().size_hint().exact();
        let arrived = Call::with_current(|call| {
            let counts = call.is_none_or(|call| !call.method().is_builtin());
            counts.then(|| rule.arrive(call, bytes))
        });
        let Some(arrived) = arrived else { return Ok(None) };
        arrived.map_err(|full| rule.answer(request.uri().path(), full))?;
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Some(Share::new(rule, path, bytes.unwrap_or_default())))
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
