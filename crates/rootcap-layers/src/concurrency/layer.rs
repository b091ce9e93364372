//! The layer.

use std::num::NonZeroUsize;

use tower_layer::Layer;

use super::{ConcurrencyRule, ConcurrencyRules, POLICY};
use crate::admission::{Admission, ShedCode, TrustedProxies};

/// Limits the calls in flight. See the [module](super).
#[derive(Debug, Clone)]
pub struct ConcurrencyLayer {
    rules: Option<ConcurrencyRules>,
}

impl ConcurrencyLayer {
    /// At most `max` calls at a time, of all callers together.
    pub fn new(max: NonZeroUsize) -> Self {
        let rule = [ConcurrencyRule::new(POLICY, max)];
        let rules = ConcurrencyRules::new(rule, TrustedProxies::default(), ShedCode::default());
        Self::rules(rules.expect("one rule has the name of no other"))
    }

    /// As many calls as these rules let through.
    pub fn rules(rules: ConcurrencyRules) -> Self {
        Self { rules: Some(rules) }
    }

    /// Any number of calls: for a stack whose type is the same with a limit and without.
    pub fn unlimited() -> Self {
        Self { rules: None }
    }

    /// The rules, to look at and to change; `None` if there is no limit.
    pub fn limits(&self) -> Option<&ConcurrencyRules> {
        self.rules.as_ref()
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Admission<ConcurrencyRules, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Admission::new(self.rules.clone(), inner)
    }
}
