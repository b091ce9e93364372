//! A service under the layers that read what a caller sends, and all that they made of one call.

use std::{
    convert::Infallible,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use rootcap_layers::{
    Call, DeadlineLayer, Methods, Outcome,
    access_log::{AccessLog, BuiltinCalls, Format, Output},
    metrics::CallMetrics,
    observe::{ObserveLayer, ObservedRequest, Observer},
    trace::Propagation,
};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

/// A body, in either direction.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The body that the handler is given.
pub type RequestBody = ObservedRequest<Observers, Body>;

type Observers = (CallMetrics, AccessLog, AccessLog, Arc<Ends>);

/// A body of `data` in frames of at most `size` bytes, and of trailers.
pub fn body(data: &[u8], size: usize, trailers: Option<HeaderMap>) -> Body {
    let frames = data.chunks(size).map(|frame| Frame::data(Bytes::copy_from_slice(frame)));
    let frames: Vec<_> = frames.chain(trailers.map(Frame::trailers)).map(Ok).collect();
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// What was seen of a call.
#[derive(Debug)]
pub struct Seen {
    /// The call.
    pub call: Call,
    /// How it ended.
    pub outcome: Outcome,
    /// The head that the caller gets.
    pub head: response::Parts,
    /// The trailers that the caller gets.
    pub trailers: Option<HeaderMap>,
    /// Its lines in the log, as JSON.
    pub json: Vec<Vec<u8>>,
    /// Its lines in the log, as text.
    pub text: Vec<Vec<u8>>,
}

/// The last end of a call.
#[derive(Debug, Default)]
pub struct Ends(Mutex<Option<(Call, Outcome)>>);

impl Observer for Ends {
    type State = ();
    fn on_start(&self, _: &Call) {}
    fn on_end(&self, call: &Call, (): (), outcome: &Outcome) {
        let before = lock(&self.0).replace((call.clone(), outcome.clone()));
        assert!(before.is_none(), "a call ends once");
    }
}

/// Keeps the lines of the log.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Vec<u8>>>);

impl Output for Kept {
    fn write(&self, line: &[u8]) {
        lock(&self.0).push(line.to_vec());
    }
}

/// A handler under the layers.
pub struct Observed {
    service: BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>,
    ends: Arc<Ends>,
    json: Arc<Kept>,
    text: Arc<Kept>,
}

impl Observed {
    /// Puts `handler` under them.
    pub fn new<H, F>(methods: &Arc<Methods>, propagation: Propagation, mut handler: H) -> Self
    where
        H: FnMut(Request<RequestBody>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let (ends, json, text) =
            (Arc::new(Ends::default()), Arc::new(Kept::default()), Arc::new(Kept::default()));
        let log = |to: &Arc<Kept>, format| {
            AccessLog::new(Arc::clone(to), format).builtin(BuiltinCalls::Log)
        };
        let observers =
            (CallMetrics, log(&json, Format::Json), log(&text, Format::Text), Arc::clone(&ends));
        let observe = ObserveLayer::new(observers, Arc::clone(methods))
            .propagation(propagation)
            .logged_metadata(vec![http::HeaderName::from_static("x-logged")]);
        let service = ServiceBuilder::new()
            .map_response(|response: Response<_>| response.map(BodyExt::boxed_unsync))
            .layer(observe)
            .layer(DeadlineLayer::new())
            .service_fn(move |request| {
                let response = handler(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
        Self { service: BoxCloneSyncService::new(service), ends, json, text }
    }

    /// Sends a request, and reads the response to its end.
    pub fn send(&self, request: Request<Body>) -> Seen {
        let (head, trailers) = crate::run(async {
            let response = self.service.clone().oneshot(request).await;
            let (head, body) = response.unwrap_or_else(|never| match never {}).into_parts();
            let body = body.collect().await.unwrap_or_else(|never| match never {});
            (head, body.trailers().cloned())
        });
        let (call, outcome) = lock(&self.ends.0).take().expect("the call has ended");
        let lines = |kept: &Kept| std::mem::take(&mut *lock(&kept.0));
        Seen { call, outcome, head, trailers, json: lines(&self.json), text: lines(&self.text) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
