//! What policies count.

use crate::{
    metrics::{Metric, MetricKind},
    reject,
};

/// What policies refuse.
pub const REJECTED: Metric = Metric::new(
    MetricKind::Counter,
    "rootcap_rejected_total",
    &["policy"],
    "Calls that a policy refused to serve, by its name.",
);

/// What rules decide.
pub const DECISIONS: Metric = Metric::new(
    MetricKind::Counter,
    "rootcap_limit_decisions_total",
    &["decision", "grpc_method", "grpc_service", "reason", "rule"],
    "What the rules of limits decided about calls: allowed, rejected, shed, or observed (would have been refused).",
);

/// The policies of this crate that count what they refuse.
const POLICIES: [&str; 3] =
    [crate::concurrency::POLICY, crate::rate_limit::POLICY, crate::request_bytes::POLICY];

/// Describes the metrics of the policies to the installed recorder, and lets those of this crate start at
/// zero. To be called once a recorder is installed.
pub fn register_metrics() {
    REJECTED.describe();
    DECISIONS.describe();
    crate::concurrency::QUEUE_TIME.describe();
    for policy in POLICIES {
        metrics::counter!(REJECTED.name, "policy" => policy).increment(0);
    }
}

/// Records that `policy` refuses the current call: for a policy that answers in words of its own.
pub fn record_refusal(policy: &'static str) {
    metrics::counter!(REJECTED.name, "policy" => policy).increment(1);
    reject::note(policy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::rejected;

    #[test]
    fn the_counters_start_at_zero() {
        let counted = rejected(async || register_metrics());
        let zero = ["concurrency", "rate_limit", "request_bytes"].map(|it| (it.to_owned(), 0));
        assert_eq!(counted, zero.into());
    }
}
