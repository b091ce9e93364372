//! The service.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use bytes::Bytes;
use http::{Request, Response, uri::PathAndQuery};
use http_body::Body;
use tower_service::Service;

use super::{
    ObserveLayer, Observer, Spans,
    body::{ObservedRequest, ObservedResponse},
    future::ObserveFuture,
    guard::{Guard, MethodIs},
};
use crate::{
    call::{Call, Head, LoggedHeaders, Peer, RequestId, Start},
    method::{Found, Method},
    trace::{
        Sampler, TraceContext,
        recorded::{self, Beginning},
    },
};

/// Makes the [`Call`] of each request, and observes it. See the [module](super).
#[derive(Debug)]
pub struct Observe<O, S> {
    layer: ObserveLayer<O>,
    peer: Option<Arc<Peer>>,
    /// That of the last call, which is often that of the next: to compare a path costs less than to look it up. Of the
    /// table, so that it stays what it is.
    last: Option<Arc<Method>>,
    /// Whether the next call is the first of its connection.
    is_first: bool,
    inner: S,
}

impl<O, S> Observe<O, S> {
    #[inline]
    pub(super) fn new(layer: ObserveLayer<O>, inner: S) -> Self {
        Self { layer, peer: None, last: None, is_first: false, inner }
    }

    /// For the calls of one connection: `peer` is its other end. Without this, a [`Peer`] (in an [`Arc`])
    /// is looked for in the request's extensions.
    #[must_use]
    pub fn peer(mut self, peer: Arc<Peer>) -> Self {
        self.peer = Some(peer);
        self.is_first = true;
        self
    }

    #[inline]
    fn method_of(&mut self, path: &str) -> (Arc<Method>, MethodIs) {
        if let Some(last) = self.last.as_ref().filter(|last| last.path() == path) {
            return (Arc::clone(last), MethodIs::Settled);
        }
        match self.layer.shared.methods.find(path) {
            Found::Settled(method) => {
                if !method.is_unknown() {
                    self.last = Some(Arc::clone(&method));
                }
                (method, MethodIs::Settled)
            }
            Found::Provisional(method) => (method, MethodIs::Provisional),
        }
    }

    #[inline]
    fn make_call<B>(&mut self, request: &Request<B>) -> (Call, MethodIs) {
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let (method, is) = self.method_of(path.path());
        let headers = request.headers();
        let settings = &self.layer.settings;
        let head = Head::read(headers);
        let mut request_id = RequestId::of(head.request_id);
        if mem::take(&mut self.is_first) {
            request_id = request_id.indexed();
        }
        let peer = self.peer.clone().or_else(|| request.extensions().get().cloned());
        let started_at = SystemTime::now();
        // Probes come every few seconds, for ever: a trace that began with one would tell nothing.
        let sampler = if method.is_builtin() { &Sampler::PARENT } else { &settings.sampler };
        let mut trace = match head.is_traced {
            true => TraceContext::accept(headers, &settings.propagation, sampler),
            false => TraceContext::begin(sampler),
        };
        // The decision comes first: nothing is built for a call that is not sampled.
        let tracer = settings.tracer.as_ref().filter(|_| trace.is_sampled());
        let otel = tracer.and_then(|tracer| {
            let named = is == MethodIs::Settled && !method.is_unknown();
            let beginning = Beginning {
                method: named.then_some(&*method),
                request_id: &request_id,
                peer: peer.as_deref(),
                uri: request.uri(),
                headers,
                at: started_at,
            };
            recorded::start(tracer, &mut trace, &beginning)
        });
        let otel = otel.unwrap_or_else(|| trace.to_otel());
        let spans = settings.spans == Spans::On;
        let call = Call::new(Start {
            method,
            path,
            logged: self.logged(request),
            span: spans.then(|| span(&request_id, &trace, &otel)),
            otel,
            request_id,
            trace,
            peer,
            propagation: settings.propagation,
            head,
            started_at,
        });
        (call, is)
    }

    #[inline]
    fn logged<B>(&self, request: &Request<B>) -> LoggedHeaders {
        let names = &self.layer.settings.logged_metadata;
        let listed =
            |name| Some((http::HeaderName::clone(name), request.headers().get(name)?.clone()));
        (!names.is_empty()).then(|| names.iter().filter_map(listed).collect())
    }
}

/// Made where the call's OpenTelemetry context is current: a subscriber that exports it has it in the same trace.
fn span(
    request_id: &RequestId,
    trace: &TraceContext,
    otel: &opentelemetry::Context,
) -> tracing::Span {
    let _current = otel.clone().attach();
    tracing::info_span!(
        target: "rootcap::call",
        "call",
        request_id = request_id.as_str(),
        trace_id = %trace.trace_id(),
        span_id = %trace.span_id(),
    )
}

impl<O, S: Clone> Clone for Observe<O, S> {
    fn clone(&self) -> Self {
        Self {
            layer: self.layer.clone(),
            peer: self.peer.clone(),
            last: None,
            is_first: false,
            inner: self.inner.clone(),
        }
    }
}

impl<O, S, ReqBody, ResBody> Service<Request<ReqBody>> for Observe<O, S>
where
    O: Observer,
    S: Service<Request<ObservedRequest<O, ReqBody>>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes>,
{
    type Response = Response<ObservedResponse<O, ResBody>>;
    type Error = S::Error;
    type Future = ObserveFuture<O, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (call, is) = self.make_call(&request);
        let shared = &self.layer.shared;
        let guard = Guard::start(Arc::clone(shared), call.clone(), is);
        let _current = call.enter();
        let request =
            request.map(|body| ObservedRequest::new(Arc::clone(shared), call.clone(), body));
        let response = self.inner.call(request);
        call.has_arrived();
        ObserveFuture::new(guard, response)
    }
}
