//! The layer.

use tower_layer::Layer;

use super::{POLICY, Quota, RateRule, RateRules};
use crate::admission::{Admission, TrustedProxies};

/// Limits the calls begun in a time. See the [module](super).
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    rules: Option<RateRules>,
}

impl RateLimitLayer {
    /// As many calls as `quota` says, of all callers together.
    pub fn new(quota: Quota) -> Self {
        let rules = RateRules::new([RateRule::new(POLICY, quota)], TrustedProxies::default());
        Self::rules(rules.expect("one rule stands in the way of no other"))
    }

    /// As many calls as these rules let pass.
    pub fn rules(rules: RateRules) -> Self {
        Self { rules: Some(rules) }
    }

    /// Any number of calls: for a stack whose type is the same with a limit and without.
    pub fn unlimited() -> Self {
        Self { rules: None }
    }

    /// The rules, to look at and to change; `None` if there is no limit.
    pub fn limits(&self) -> Option<&RateRules> {
        self.rules.as_ref()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Admission<RateRules, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(self.rules.clone(), inner)
    }
}
