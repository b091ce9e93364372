//! [`Settings`]: what of a rule may change.

use std::sync::Arc;

use super::{Quota, gcra::Gcra};
use crate::admission::{Mode, Per, Reason, Violation};

/// What of a rule may change, with all that follows from it.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) quota: Quota,
    pub(super) mode: Mode,
    pub(super) gcra: Gcra,
    pub(super) governor: governor::Quota,
    /// What a caller who is refused is told.
    pub(super) reason: Arc<str>,
    pub(super) violation: Violation,
}

impl Settings {
    pub(super) fn new(name: &str, per: &Per, quota: Quota, mode: Mode) -> Self {
        let limit = quota.to_string();
        let reason = match per {
            Per::All => format!("the limit of {limit} is used up"),
            Per::Peer => format!("the limit of {limit} for each address is used up"),
            Per::Metadata(key) => format!("the limit of {limit} for each `{key}` is used up"),
            Per::TlsIdentity => format!("the limit of {limit} for each identity is used up"),
        };
        let metadata = [("limit", limit.clone())];
        let violation = Violation::new(Reason::RateLimitExceeded, name, metadata)
            .quota(&per.to_string(), &limit);
        let (gcra, governor) = (Gcra::new(quota), quota.to_governor());
        Self { quota, mode, gcra, governor, reason: reason.into(), violation }
    }
}
