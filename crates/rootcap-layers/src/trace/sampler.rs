//! The decision to record a trace: the parent's, else by ratio.

use opentelemetry::{TraceFlags, TraceId};

use super::Decision;

/// Decides for traces that begin here, and whether a caller's decision is followed.
///
/// The ratio is applied as by OpenTelemetry's `TraceIdRatioBased` sampler, so that all services with the
/// same ratio decide alike.
///
/// ```
/// use http::HeaderMap;
/// use rootcap_layers::trace::{Propagation, Sampler, TraceContext};
///
/// let sampler = Sampler::parent_based(1.0);
/// let trace = TraceContext::accept(&HeaderMap::new(), &Propagation::default(), &sampler);
/// assert!(trace.is_sampled());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    /// Traces whose low 63 bits are below this are recorded.
    threshold: u64,
    parent: FollowParent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FollowParent {
    Yes,
    No,
}

impl Sampler {
    /// Records what the caller records, and nothing else.
    pub const PARENT: Self = Self { threshold: 0, parent: FollowParent::Yes };

    /// Records what the caller records, and `ratio` (0 to 1) of the traces that begin here.
    pub fn parent_based(ratio: f64) -> Self {
        Self { threshold: threshold(ratio), parent: FollowParent::Yes }
    }

    /// Records `ratio` (0 to 1) of all traces, whatever the caller decided.
    pub fn ratio(ratio: f64) -> Self {
        Self { threshold: threshold(ratio), parent: FollowParent::No }
    }

    pub(super) fn flags(&self, trace_id: TraceId, parent: Option<Decision>) -> TraceFlags {
        let sampled = match (parent, self.parent) {
            (Some(decision), FollowParent::Yes) => decision != Decision::Deny,
            _ => self.takes(trace_id),
        };
        TraceFlags::default().with_sampled(sampled)
    }

    fn takes(&self, trace_id: TraceId) -> bool {
        let low = u128::from_be_bytes(trace_id.to_bytes()) as u64;
        low >> 1 < self.threshold
    }
}

impl Default for Sampler {
    /// [`PARENT`](Self::PARENT).
    fn default() -> Self {
        Self::PARENT
    }
}

fn threshold(ratio: f64) -> u64 {
    // The cast saturates: 1.0 is above every 63-bit number, what is no number is 0.
    (ratio.clamp(0.0, 1.0) * (1u64 << 63) as f64) as u64
}
