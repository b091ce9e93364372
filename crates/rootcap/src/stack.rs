//! The standard stack, outermost first, with a reason per line.

mod describe;
mod limits;

use std::sync::Arc;

use http::Request;
use opentelemetry::global::BoxedTracer;
use rootcap_layers::{
    CatchPanicLayer, ConcurrencyLayer, DeadlineLayer, Methods, RateLimitLayer, RequestBytesLayer,
    access_log::AccessLog,
    admission::{Admission, InTurn},
    catch_panic::{CatchPanic, CatchPanicBody},
    concurrency::ConcurrencyRules,
    deadline::{Deadline, DeadlineBody},
    metrics::CallMetrics,
    observe::{Observe, ObserveLayer},
    rate_limit::RateRules,
    request_bytes::{CountedResponse, RequestBytes},
    trace::{Propagation, Propagator, Sampler},
};
use tower::ServiceBuilder;
use tower_service::Service;

use crate::{
    bounds::{App, ObservedBody},
    config::{self, Config},
    health::Health,
    server::{
        aside::Aside,
        sending::{SendBody, SendFuture},
    },
    telemetry::{export::Export, logs::Logs},
};

/// What is told of every call, in this order: the last one exports the log.
pub(crate) type Observers = (CallMetrics, AccessLog, AccessLog);

/// Everything between a connection and the user's layers and services.
pub(crate) type Stack<A> = Observe<Observers, Guarded<A>>;

/// What is observed.
type Guarded<A> = CatchPanic<Deadline<RequestBytes<Aside<Admitted<A>>>>>;

/// The body of a response that is observed.
type GuardedBody<A> =
    CatchPanicBody<DeadlineBody<CountedResponse<<Aside<Admitted<A>> as App>::Body>>>;

/// What the limits let through.
type Admitted<A> = Admission<InTurn<ConcurrencyRules, RateRules>, A>;

/// The future of a response, on its way to the connection.
pub(crate) type StackFuture<A> =
    SendFuture<Observers, <Guarded<A> as Service<Request<ObservedBody>>>::Future>;

/// The body of a response, on its way to the connection.
pub(crate) type StackBody<A> = SendBody<Observers, GuardedBody<A>>;

/// The layers of a server, without the services.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    observe: ObserveLayer<Observers>,
    deadline: DeadlineLayer,
    request_bytes: RequestBytesLayer,
    concurrency: ConcurrencyLayer,
    rate_limit: RateLimitLayer,
}

impl Layers {
    pub(crate) fn new(
        config: &Config,
        logs: &Logs,
        methods: Arc<Methods>,
        export: Option<&Export>,
    ) -> Self {
        let exported = logs.exported_calls(export.and_then(Export::lines));
        Self {
            observe: ObserveLayer::new((CallMetrics, logs.access_log(), exported), methods)
                .spans(logs.spans())
                .sampler(Sampler::parent_based(config.trace_ratio()))
                .propagation(propagation(&config.trace.propagation))
                .logged_metadata(logged_metadata(&config.log.metadata)),
            deadline: deadline(&config.deadline),
            request_bytes: limits::request_bytes(&config.limits),
            concurrency: limits::concurrency_rules(config)
                .map_or_else(ConcurrencyLayer::unlimited, ConcurrencyLayer::rules),
            rate_limit: limits::rate_rules(config)
                .map_or_else(RateLimitLayer::unlimited, RateLimitLayer::rules),
        }
    }

    /// Records the calls that are sampled; without this, trace context is passed on and nothing is recorded.
    #[must_use]
    pub(crate) fn tracer(mut self, tracer: Arc<BoxedTracer>) -> Self {
        self.observe = self.observe.tracer(tracer);
        self
    }

    pub(crate) fn around<A: App>(&self, app: A, health: &Health) -> Stack<A> {
        self.build(app, |rest| Aside::new(health.service(), rest))
    }

    /// The same for connections on which health is answered and nothing else.
    pub(crate) fn around_health_only<A: App>(&self, app: A, health: &Health) -> Stack<A> {
        self.build(app, |rest| Aside::health_only(health.service(), rest))
    }

    fn build<A: App>(
        &self,
        app: A,
        aside: impl FnOnce(Admitted<A>) -> Aside<Admitted<A>> + Clone,
    ) -> Stack<A> {
        ServiceBuilder::new()
            // Sees everything below, rejections and panics too, and makes the call that all others read.
            .layer(self.observe.clone())
            // Whatever panics below, the framework's own layers included, ends one call and no other.
            .layer(CatchPanicLayer::new())
            // Time spent in any policy or layer below counts.
            .layer(self.deadline.clone())
            // Counts what is read of requests, by whomever; a call that waits below reads nothing.
            .layer(self.request_bytes.clone())
            // Past the limits and the user's layers, or they could fail the kubelet's probe.
            .layer_fn(|rest| aside.clone()(rest))
            // A slot is given back at the call's end: a call that the rate refuses holds it for no time. And a call that
            // gets no slot has not used up any of the rate.
            .layer_fn(|rest| Admission::new(self.limits_in_turn(), rest))
            .service(app)
    }

    fn limits_in_turn(&self) -> Option<InTurn<ConcurrencyRules, RateRules>> {
        InTurn::new(self.concurrency.limits().cloned(), self.rate_limit.limits().cloned())
    }
}

fn propagation(settings: &[config::Propagator]) -> Propagation {
    Propagation::new(settings.iter().map(|propagator| match propagator {
        config::Propagator::TraceContext => Propagator::TraceContext,
        config::Propagator::B3 => Propagator::B3,
        config::Propagator::B3Multi => Propagator::B3Multi,
    }))
}

fn deadline(settings: &config::Deadline) -> DeadlineLayer {
    let mut layer = DeadlineLayer::new();
    if let Some(max) = settings.max {
        layer = layer.max(max);
    }
    for (service, timeout) in &settings.services {
        layer = layer.service(service.as_str(), *timeout);
    }
    for (method, timeout) in &settings.methods {
        layer = layer.method(method.as_str(), *timeout);
    }
    layer
}

fn logged_metadata(names: &[String]) -> Vec<http::HeaderName> {
    let parse = |name: &String| name.parse().expect("the setting's rule accepts nothing else");
    names.iter().map(parse).collect()
}
