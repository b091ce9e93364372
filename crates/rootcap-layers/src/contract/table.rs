//! The table: every layer, and the calls that are made through it.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use opentelemetry::{global::BoxedTracer, trace::TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::ServiceBuilder;

use super::{MESSAGE, Script, Stack, Step};
use crate::{
    CatchPanicLayer, ConcurrencyLayer, DeadlineLayer, Methods, RateLimitLayer,
    admission::{Mode, Per, TrustedProxies},
    metrics::CallMetrics,
    observe::ObserveLayer,
    rate_limit::{Quota, RateRule, RateRules},
    trace::Sampler,
};

/// When a layer rejects a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejects {
    Never,
    /// When it has arrived with no time left.
    Expired,
    /// While another one is open.
    WhileBusy,
    /// When there has been another one.
    Second,
}

pub(super) struct Row {
    pub(super) name: &'static str,
    /// The layer with room for all calls of a test.
    pub(super) idle: fn() -> Stack,
    /// The layer with room for one.
    pub(super) narrow: fn() -> Stack,
    pub(super) rejects: Rejects,
    pub(super) status: &'static str,
}

const ONE_AN_HOUR: Quota = Quota::new(NonZeroU32::MIN, Duration::from_secs(3_600));

fn concurrency(max: usize) -> ConcurrencyLayer {
    ConcurrencyLayer::new(NonZeroUsize::new(max).expect("not zero"))
}

fn rate(calls: u32) -> RateLimitLayer {
    RateLimitLayer::new(Quota::per_second(NonZeroU32::new(calls).expect("not zero")))
}

/// So many calls in an hour, of each caller and of all.
fn each_caller(calls: u32, mode: Mode) -> RateLimitLayer {
    let calls = NonZeroU32::new(calls).expect("not zero");
    let quota = Quota::new(calls, Duration::from_secs(3_600));
    let rule = |name: &str| RateRule::new(name, quota).mode(mode);
    let rules = [rule("all"), rule("each").per(Per::Peer)];
    RateLimitLayer::rules(RateRules::new(rules, TrustedProxies::default()).expect("two names"))
}

fn observe() -> ObserveLayer<CallMetrics> {
    ObserveLayer::new(CallMetrics, Arc::new(Methods::builder().service("a.B").build()))
}

/// Every call has a span.
fn observe_with_spans() -> ObserveLayer<CallMetrics> {
    let tracer = SdkTracerProvider::builder().build().tracer("contract");
    observe().sampler(Sampler::ratio(1.0)).tracer(Arc::new(BoxedTracer::new(Box::new(tracer))))
}

fn deadline() -> DeadlineLayer {
    DeadlineLayer::new().max(Duration::from_secs(60))
}

/// All layers together, as a server has them.
fn all(concurrency: ConcurrencyLayer) -> Stack {
    let stack = ServiceBuilder::new()
        .layer(observe())
        .layer(CatchPanicLayer::new())
        .layer(deadline())
        .layer(concurrency)
        .layer(rate(1_000))
        .into_inner();
    Stack::new(stack)
}

pub(super) fn table() -> Vec<Row> {
    let row = |name, idle, narrow, rejects, status| Row { name, idle, narrow, rejects, status };
    let never = |name, stack| row(name, stack, stack, Rejects::Never, "");
    vec![
        never("observe", || Stack::new(observe())),
        never("observe with spans", || Stack::new(observe_with_spans())),
        never("catch_panic", || Stack::new(CatchPanicLayer::new())),
        never("no maximum", || Stack::new(DeadlineLayer::new())),
        never("any concurrency", || Stack::new(ConcurrencyLayer::unlimited())),
        never("any rate", || Stack::new(RateLimitLayer::unlimited())),
        row(
            "deadline",
            || Stack::new(deadline()),
            || Stack::new(deadline()),
            Rejects::Expired,
            "4",
        ),
        row(
            "concurrency",
            || Stack::new(concurrency(100)),
            || Stack::new(concurrency(1)),
            Rejects::WhileBusy,
            "8",
        ),
        row(
            "rate_limit",
            || Stack::new(rate(1_000)),
            || Stack::new(RateLimitLayer::new(ONE_AN_HOUR)),
            Rejects::Second,
            "8",
        ),
        row(
            "rate_limit of each caller",
            || Stack::new(each_caller(1_000, Mode::Enforce)),
            || Stack::new(each_caller(1, Mode::Enforce)),
            Rejects::Second,
            "8",
        ),
        never("rate_limit that observes", || Stack::new(each_caller(1, Mode::Observe))),
        row("all", || all(concurrency(100)), || all(concurrency(1)), Rejects::WhileBusy, "8"),
    ]
}

/// Calls that end in every way there is.
pub(super) fn scripts() -> Vec<Script> {
    vec![
        Script::unary(),
        Script::stream(),
        Script::head(&[Step::Yield]),
        Script::head(&[Step::Fail]),
        Script::status("5"),
        Script::body(&[Step::Trailers("0")]),
        Script::body(&[Step::Data(MESSAGE), Step::Yield, Step::Trailers("13")]),
        Script::body(&[Step::Data(MESSAGE), Step::Fail]),
        Script::body(&[Step::Data(MESSAGE), Step::Data(&[0, 0])]),
        Script::body(&[]),
    ]
}

/// A unary call and a stream that stay open, each after its first message.
pub(super) fn open_calls() -> [Script; 2] {
    let message = Step::Data(MESSAGE);
    [
        Script::body(&[message.clone(), Step::Hang]),
        Script::body(&[message.clone(), message, Step::Hang]),
    ]
}

/// Calls that panic at every place there is.
pub(super) fn panics() -> Vec<Script> {
    let message = Step::Data(MESSAGE);
    vec![
        Script { call: vec![Step::Panic], ..Script::unary() },
        Script::head(&[Step::Panic]),
        Script::head(&[Step::Yield, Step::Panic]),
        Script::body(&[Step::Panic]),
        Script::body(&[message.clone(), Step::Yield, Step::Panic]),
        Script::body(&[message, Step::PanicWhenDropped, Step::Panic]),
    ]
}
