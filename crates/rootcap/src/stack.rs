//! The standard stack, outermost first, with a reason per line.

mod describe;

use std::sync::Arc;

use http::Request;
use opentelemetry::global::BoxedTracer;
use rootcap_layers::{
    CatchPanicLayer, ConcurrencyLayer, DeadlineLayer, Methods, RateLimitLayer,
    access_log::AccessLog,
    admission::{Admission, TrustedProxies},
    catch_panic::CatchPanic,
    concurrency::ConcurrencyRules,
    deadline::Deadline,
    metrics::CallMetrics,
    observe::{Observe, ObserveLayer},
    rate_limit::{Quota, RateRule, RateRules},
    trace::{Propagation, Propagator, Sampler},
};
use tower::ServiceBuilder;
use tower_service::Service;

use crate::{
    bounds::{App, RequestBody},
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
type Guarded<A> = CatchPanic<Deadline<Aside<Admitted<A>>>>;

/// What the limits let through.
type Admitted<A> = Admission<ConcurrencyRules, Admission<RateRules, A>>;

/// The future of a response, on its way to the connection.
pub(crate) type StackFuture<A> =
    SendFuture<Observers, <Guarded<A> as Service<Request<RequestBody>>>::Future>;

/// The body of a response, on its way to the connection.
pub(crate) type StackBody<A> = SendBody<Observers, <Guarded<A> as App>::Body>;

/// The layers of a server, without the services.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    observe: ObserveLayer<Observers>,
    deadline: DeadlineLayer,
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
            concurrency: config
                .limits
                .concurrency
                .map_or_else(ConcurrencyLayer::unlimited, |max| {
                    ConcurrencyLayer::new(max.try_into().expect("a usize has at least 32 bits"))
                }),
            rate_limit: rate_limit(&config.limits),
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
            // Past the limits and the user's layers, or they could fail the kubelet's probe.
            .layer_fn(|rest| aside.clone()(rest))
            // A slot is given back at the call's end: a call that the rate refuses holds it for no time.
            .layer(self.concurrency.clone())
            // Innermost: a call that was refused above has not used up any of the rate.
            .layer(self.rate_limit.clone())
            .service(app)
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

fn rate_limit(settings: &config::Limits) -> RateLimitLayer {
    let Some(rate) = settings.rate else { return RateLimitLayer::unlimited() };
    let quota = Quota::new(rate.count(), rate.per());
    let quota = match settings.rate_burst.as_set() {
        Some(burst) => quota.burst(*burst),
        None => quota,
    };
    let rule = RateRule::new("limits.rate", quota);
    let rules = RateRules::new([rule], TrustedProxies::default());
    RateLimitLayer::rules(rules.expect("one rule stands in the way of no other"))
}

fn logged_metadata(names: &[String]) -> Vec<http::HeaderName> {
    let parse = |name: &String| name.parse().expect("the setting's rule accepts nothing else");
    names.iter().map(parse).collect()
}
