//! The layer.

use std::sync::Arc;

use http::HeaderName;
use opentelemetry::global::BoxedTracer;
use tower_layer::Layer;

use super::{Observe, guard::Shared};
use crate::{
    method::Methods,
    trace::{Propagation, Sampler},
};

/// Applies [`Observe`].
#[derive(Debug)]
pub struct ObserveLayer<O> {
    pub(super) shared: Arc<Shared<O>>,
    pub(super) settings: Arc<Settings>,
}

/// What is the same for all calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) sampler: Sampler,
    pub(super) propagation: Propagation,
    pub(super) logged_metadata: Vec<HeaderName>,
    pub(super) spans: Spans,
    pub(super) tracer: Option<Arc<BoxedTracer>>,
}

/// Whether a call is a `tracing` span too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spans {
    /// It is not: a subscriber that asks for the [current call](crate::Call::current) needs none.
    #[default]
    Off,
    /// It is, with the fields `request_id`, `trace_id` and `span_id`, so that whatever subscriber there is shows
    /// them with what a handler logs.
    On,
}

impl<O> ObserveLayer<O> {
    /// Reports to `observer` (several as a tuple); `methods` says which methods are known.
    pub fn new(observer: O, methods: Arc<Methods>) -> Self {
        Self { shared: Arc::new(Shared { observer, methods }), settings: Arc::default() }
    }

    /// Decides which new traces are recorded; by default none is.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        Arc::make_mut(&mut self.settings).sampler = sampler;
        self
    }

    /// The headers that tell of a caller's trace; by default those of W3C Trace Context.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        Arc::make_mut(&mut self.settings).propagation = propagation;
        self
    }

    /// Starts the spans of calls that are sampled, and of no others; by default there are none.
    ///
    /// Its own sampler must record what the [`sampler`](Self::sampler) has decided for: a parent-based one does, whose
    /// decision about new traces is the same.
    #[must_use]
    pub fn tracer(mut self, tracer: Arc<BoxedTracer>) -> Self {
        Arc::make_mut(&mut self.settings).tracer = Some(tracer);
        self
    }

    /// Whether a call is a `tracing` span (`call`, of the target `rootcap::call`) too; by default it is not.
    ///
    /// It lies within the call's OpenTelemetry context. A layer of `tracing-opentelemetry` exports it as a child of the
    /// call's own span, and what the handler makes below that; a filter that leaves the target `rootcap::call` out puts
    /// the handler's spans directly below the call's own.
    #[must_use]
    pub fn spans(mut self, spans: Spans) -> Self {
        Arc::make_mut(&mut self.settings).spans = spans;
        self
    }

    /// The metadata whose values are kept for the log; by default none is.
    #[must_use]
    pub fn logged_metadata(mut self, names: Vec<HeaderName>) -> Self {
        Arc::make_mut(&mut self.settings).logged_metadata = names;
        self
    }
}

impl<O> Clone for ObserveLayer<O> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), settings: Arc::clone(&self.settings) }
    }
}

impl<O, S> Layer<S> for ObserveLayer<O> {
    type Service = Observe<O, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Observe::new(self.clone(), inner)
    }
}
