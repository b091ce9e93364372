//! What decides, and what is said to a caller who is refused.

use std::{borrow::Cow, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    excerpt::Excerpt,
    metrics::{Metric, MetricKind},
    reject,
};

/// Decides whether a call may be served now.
pub trait Policy: Clone {
    /// What an admitted call holds to the end of its body.
    type Permit;

    /// How metrics and logs name the policy. The name becomes the value of a label: it must never change.
    fn name(&self) -> &'static str;

    /// Decides about one call. Neither blocks nor waits.
    ///
    /// # Errors
    ///
    /// The refusal, if the call may not be served now.
    fn admit(&self) -> Result<Self::Permit, Refusal>;
}

/// Why a call may not be served now, and when it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In words for the caller, who is told it.
    pub reason: Cow<'static, str>,
    /// When to try again.
    pub retry_after: Duration,
}

/// What policies refuse.
pub const REJECTED: Metric = Metric::new(
    MetricKind::Counter,
    "rootcap_rejected_total",
    &["policy"],
    "Calls that a policy refused to serve, by its name.",
);

/// Describes the metrics of the policies to the installed recorder, and lets those of this crate start at
/// zero. To be called once a recorder is installed.
pub fn register_metrics() {
    REJECTED.describe();
    for policy in [crate::concurrency::POLICY, crate::rate_limit::POLICY] {
        metrics::counter!(REJECTED.name, "policy" => policy).increment(0);
    }
}

/// Records that `policy` refuses the current call: for a policy that answers in words of its own.
pub fn record_refusal(policy: &'static str) {
    metrics::counter!(REJECTED.name, "policy" => policy).increment(1);
    reject::note(policy);
}

/// The status for a call of `path` that `policy` refuses, which is recorded.
pub(super) fn refuse(policy: &'static str, path: &str, refusal: &Refusal) -> Status {
    record_refusal(policy);
    let Refusal { reason, retry_after } = refusal;
    let message =
        format!("{}: {reason}; retry after {:?}", Excerpt(path), ceil_to_millis(*retry_after));
    let details = ErrorDetails::with_retry_info(Some(*retry_after));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Readable, and never too early.
fn ceil_to_millis(duration: Duration) -> Duration {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rejected;

    #[test]
    fn the_counters_start_at_zero() {
        let counted = rejected(async || register_metrics());
        assert_eq!(counted, [("concurrency".to_owned(), 0), ("rate_limit".to_owned(), 0)].into());
    }

    #[test]
    fn whoever_waits_as_the_message_says_is_never_too_early() {
        for (nanos, millis) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2)] {
            let shown = ceil_to_millis(Duration::from_nanos(nanos));
            assert_eq!(shown, Duration::from_millis(millis));
        }
        assert!(ceil_to_millis(Duration::MAX) > Duration::from_secs(u64::MAX / 1_001));
    }
}
