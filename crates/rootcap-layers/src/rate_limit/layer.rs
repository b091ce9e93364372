//! The layer, and the policy that it applies.

use std::{fmt, future::Pending, sync::Arc, time::Duration};

use governor::{
    RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;
use tonic::Code;
use tower_layer::Layer;

use super::{POLICY, Quota, clock::TokioClock};
use crate::admission::{
    Admission, Arrival, Decision, Policy, Reason, Refusal, Violation, record_refusal,
};

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Limits the calls begun in a time. See the [module](super).
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    limit: Option<RateLimit>,
}

impl RateLimitLayer {
    /// As many calls as `quota` says.
    pub fn new(quota: Quota) -> Self {
        Self { limit: Some(RateLimit::new(quota)) }
    }

    /// Any number of calls: for a stack whose type is the same with a limit and without.
    pub fn unlimited() -> Self {
        Self { limit: None }
    }

    /// The quota; `None` if there is no limit.
    pub fn quota(&self) -> Option<Quota> {
        self.limit.as_ref().map(|limit| limit.0.quota)
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Admission<RateLimit, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(self.limit.clone(), inner)
    }
}

/// What is left of a [`Quota`]. Clones are the same limit.
#[derive(Clone)]
pub struct RateLimit(Arc<Inner>);

struct Inner {
    quota: Quota,
    clock: TokioClock,
    limiter: Limiter<TokioClock>,
}

impl RateLimit {
    /// All of `quota`.
    pub fn new(quota: Quota) -> Self {
        let clock = TokioClock::start();
        let limiter = RateLimiter::direct_with_clock(quota.to_governor(), clock.clone());
        Self(Arc::new(Inner { quota, clock, limiter }))
    }
}

impl Policy for RateLimit {
    type Permit = ();
    type Wait = Pending<Result<(), Refusal>>;

    fn admit(&self, _: &Arrival<'_>, _: Instant) -> Decision<(), Self::Wait> {
        let Inner { quota, clock, limiter } = &*self.0;
        match limiter.check() {
            Ok(()) => Decision::Admit(()),
            Err(not_until) => {
                record_refusal(POLICY);
                Decision::Refuse(refusal(quota, not_until.wait_time_from(clock.now())))
            }
        }
    }
}

fn refusal(quota: &Quota, retry_after: Duration) -> Refusal {
    let limit = [("limit", quota.to_string())];
    Refusal {
        policy: POLICY,
        rule: POLICY.into(),
        code: Code::ResourceExhausted,
        reason: format!("the limit of {quota} is used up").into(),
        retry_after,
        violation: Violation::new(Reason::RateLimitExceeded, POLICY, limit),
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimit").field(&self.0.quota).finish()
    }
}
