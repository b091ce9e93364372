//! The layer, and the policy that it applies.

use std::{num::NonZeroUsize, time::Duration};

use tower_layer::Layer;

use super::{Limit, POLICY, Permit};
use crate::admission::{Admission, Policy, Refusal};

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

    fn name(&self) -> &'static str {
        POLICY
    }

    fn admit(&self) -> Result<Permit, Refusal> {
        self.try_acquire().ok_or_else(|| Refusal {
            reason: format!("{} calls are in flight, which is the limit", self.max()).into(),
            retry_after: RETRY_AFTER,
        })
    }
}
