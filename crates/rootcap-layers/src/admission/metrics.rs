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
    &["rule", "grpc_service", "grpc_method", "decision", "reason"],
    "What the rules of limits decided about calls: allowed, rejected, shed, or observed (would have been refused).",
);

/// Describes the metrics of the policies to the installed recorder, and lets those of this crate start at
/// zero. To be called once a recorder is installed.
pub fn register_metrics() {
    REJECTED.describe();
    DECISIONS.describe();
    crate::concurrency::QUEUE_TIME.describe();
    for policy in [crate::concurrency::POLICY, crate::rate_limit::POLICY] {
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
        assert_eq!(counted, [("concurrency".to_owned(), 0), ("rate_limit".to_owned(), 0)].into());
    }
}
