//! The layer, and the policy that it applies.

use std::{future::Pending, num::NonZeroUsize, time::Duration};

use tokio::time::Instant;
use tonic::Code;
use tower_layer::Layer;

use super::{Limit, POLICY, Permit};
use crate::admission::{
    Admission, Arrival, Decision, Policy, Reason, Refusal, Violation, record_refusal,
};

/// What callers are told to wait for, when as many calls are in flight as may be.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Limits the calls in flight. See the [module](super).
#[derive(Debug, Clone)]
pub struct ConcurrencyLayer {
    limit: Option<Limit>,
}

impl ConcurrencyLayer {
    /// At most `max` calls at a time.
    pub fn new(max: NonZeroUsize) -> Self {
        Self { limit: Some(Limit::new(max)) }
    }

    /// Any number of calls: for a stack whose type is the same with a limit and without.
    pub fn unlimited() -> Self {
        Self { limit: None }
    }

    /// The limit, with the calls in flight; `None` if there is no limit.
    pub fn limit(&self) -> Option<&Limit> {
        self.limit.as_ref()
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Admission<Limit, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(self.limit.clone(), inner)
    }
}

impl Policy for Limit {
    type Permit = Permit;
    type Wait = Pending<Result<Permit, Refusal>>;

    fn admit(&self, _: &Arrival<'_>, _: Instant) -> Decision<Permit, Self::Wait> {
        match self.try_acquire() {
            Some(permit) => Decision::Admit(permit),
            None => {
                record_refusal(POLICY);
                Decision::Refuse(self.refusal())
            }
        }
    }
}

impl Limit {
    fn refusal(&self) -> Refusal {
        let max = self.max();
        let limit = [("limit", max.to_string())];
        Refusal {
            policy: POLICY,
            rule: POLICY.into(),
            code: Code::ResourceExhausted,
            reason: format!("{max} calls are in flight, which is the limit").into(),
            retry_after: RETRY_AFTER,
            violation: Violation::new(Reason::ConcurrencyLimitExceeded, POLICY, limit),
        }
    }
}
