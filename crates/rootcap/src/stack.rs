//! The standard stack, outermost first, with a reason per line.

use std::sync::Arc;

use http::Request;
use rootcap_layers::{
    Methods,
    metrics::CallMetrics,
    observe::{Observe, ObserveFuture, ObserveLayer, ObservedResponse},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    bounds::{App, RequestBody},
    health::Health,
    server::aside::Aside,
};

/// What is told of every call, in this order.
pub type Observers = (CallMetrics,);

/// Everything between a connection and the user's layers and services.
pub(crate) type Stack<A> = Observe<Observers, Guarded<A>>;

/// What is observed.
type Guarded<A> = Aside<A>;

pub(crate) type StackFuture<A> = ObserveFuture<Observers, <Guarded<A> as Service<Request<RequestBody>>>::Future>;

pub(crate) type StackBody<A> = ObservedResponse<Observers, <Guarded<A> as App>::Body>;

pub(crate) fn build<A: App>(app: A, health: &Health, methods: &Arc<Methods>) -> Stack<A> {
    let guarded = Aside::new(health.service(), app);
    ObserveLayer::new((CallMetrics,), Arc::clone(methods)).layer(guarded)
}
