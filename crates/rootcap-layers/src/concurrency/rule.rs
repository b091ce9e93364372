//! [`ConcurrencyRule`]: a rule as it is set.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use super::Bounds;
use crate::admission::{Match, Mode, Per};

/// A limit on the calls in flight: which calls, per what, and how many.
///
/// ```
/// use std::{num::NonZeroUsize, time::Duration};
/// use rootcap_layers::concurrency::ConcurrencyRule;
///
/// let rule = ConcurrencyRule::new("tenants", NonZeroUsize::new(50).unwrap())
///     .matching("/helloworld.Greeter/*".parse().unwrap())
///     .per("metadata:x-tenant".parse().unwrap())
///     .queue(100, Duration::from_secs(1));
/// assert_eq!(rule.bounds.limit.get(), 50);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConcurrencyRule {
    /// How metrics, errors and pages name it.
    pub name: Arc<str>,
    /// Which calls it is about.
    pub matching: Match,
    /// What it counts by: each value has the whole of the limit, and of the queue.
    pub per: Per,
    /// How much it lets through.
    pub bounds: Bounds,
}

impl ConcurrencyRule {
    /// At most `limit` calls at a time, of all calls together; the others are refused.
    pub fn new(name: impl Into<Arc<str>>, limit: NonZeroUsize) -> Self {
        let queue_timeout = Duration::from_secs(1);
        let bounds = Bounds { limit, queue: 0, queue_timeout, mode: Mode::Enforce };
        Self { name: name.into(), matching: Match::ALL, per: Per::All, bounds }
    }

    /// For these calls alone.
    #[must_use]
    pub fn matching(self, matching: Match) -> Self {
        Self { matching, ..self }
    }

    /// For each value of this.
    #[must_use]
    pub fn per(self, per: Per) -> Self {
        Self { per, ..self }
    }

    /// At most `calls` wait until one of those in flight has ended, and none longer than `timeout`.
    #[must_use]
    pub fn queue(mut self, calls: usize, timeout: Duration) -> Self {
        (self.bounds.queue, self.bounds.queue_timeout) = (calls, timeout);
        self
    }

    /// Whether it refuses calls, or only counts them.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.bounds.mode = mode;
        self
    }
}
