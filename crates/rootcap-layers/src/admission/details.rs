//! What a refusal says to programs: the details of its status, as `google.rpc` has them.
//!
//! In protobuf's encoding messages that follow one another are one message, with the fields of all; and base64 of what
//! has a length of three, six, nine.. bytes is the beginning of the base64 of whatever begins so. So what is the same for
//! every call that a rule refuses is encoded once.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use tonic::Code;

use super::{
    Reason,
    told::Told,
    wire::{put_bytes, put_entry, put_fixed, put_number},
};

/// Who gives the reason of a `google.rpc.ErrorInfo`.
const DOMAIN: &str = "rootcap";

/// What is violated, as `google.rpc.ErrorInfo` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The word that programs decide by.
    pub reason: Reason,
    /// The beginning of a `google.rpc.Status` in base64: its details.
    details: Arc<str>,
    /// What was told of it last.
    pub(super) told: Arc<Told>,
}

impl Violation {
    /// A violation of `rule`; what else there is to know is its metadata.
    pub fn new(
        reason: Reason,
        rule: &str,
        metadata: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let mut info = Vec::with_capacity(128);
        put_bytes(&mut info, 1, reason.as_str().as_bytes());
        put_bytes(&mut info, 2, DOMAIN.as_bytes());
        put_entry(&mut info, 3, "rule", rule);
        for (key, value) in metadata {
            put_entry(&mut info, 3, key, &value);
        }
        let details = beginning(&any("google.rpc.ErrorInfo", &info)).into();
        Self { reason, details, told: Arc::default() }
    }

    /// With a `google.rpc.QuotaFailure`: whose quota it is, and which.
    #[must_use]
    pub fn quota(mut self, subject: &str, description: &str) -> Self {
        let mut quota = Vec::with_capacity(128);
        put_entry(&mut quota, 1, subject, description);
        let quota = beginning(&any("google.rpc.QuotaFailure", &quota));
        self.details = [&*self.details, &quota].concat().into();
        // What was told so far was without it.
        self.told = Arc::default();
        self
    }

    /// The whole `google.rpc.Status`, in base64: with a `google.rpc.RetryInfo` besides.
    pub(super) fn status(&self, code: Code, message: &str, retry_after: Duration) -> Vec<u8> {
        let mut status = Vec::with_capacity(RETRY_INFO.len() + message.len() + 32);
        status.extend_from_slice(RETRY_INFO);
        put_fixed(&mut status, 1, retry_after.as_secs().min(MAX_SECONDS));
        put_fixed(&mut status, 2, u64::from(retry_after.subsec_nanos()));
        self.completed(status, code, message)
    }

    /// The same without a `google.rpc.RetryInfo`: of what need not be tried again.
    pub(crate) fn final_status(&self, code: Code, message: &str) -> Vec<u8> {
        self.completed(Vec::with_capacity(message.len() + 8), code, message)
    }

    fn completed(&self, mut status: Vec<u8>, code: Code, message: &str) -> Vec<u8> {
        put_number(&mut status, 1, code as u64);
        put_bytes(&mut status, 2, message.as_bytes());
        let known = self.details.len();
        // Of each three bytes four are made.
        let mut encoded = vec![0; known + (status.len() * 4).div_ceil(3)];
        encoded[..known].copy_from_slice(self.details.as_bytes());
        BASE64_STANDARD_NO_PAD
            .encode_slice(status, &mut encoded[known..])
            .expect("there is room for as much as it takes");
        encoded
    }
}

/// The beginning of a `google.rpc.RetryInfo` among details: all but the two numbers of the delay, for whose lengths to be
/// known they have a fixed one.
const RETRY_INFO: &[u8] =
    b"\x1a\x3e\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x12\x0a\x10";

/// A part of a status in base64 that more may follow.
fn beginning(status: &[u8]) -> String {
    let mut status = status.to_vec();
    while !status.len().is_multiple_of(3) {
        // Two bytes that say nothing: a code, of which the last one counts.
        put_number(&mut status, 1, 0);
    }
    BASE64_STANDARD_NO_PAD.encode(status)
}

/// A status with nothing but this detail.
fn any(name: &str, message: &[u8]) -> Vec<u8> {
    let mut any = Vec::with_capacity(name.len() + message.len() + 32);
    put_bytes(&mut any, 1, ["type.googleapis.com/", name].concat().as_bytes());
    put_bytes(&mut any, 2, message);
    let mut status = Vec::with_capacity(any.len() + 4);
    put_bytes(&mut status, 3, &any);
    status
}

/// The longest `google.protobuf.Duration`.
const MAX_SECONDS: u64 = 315_576_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use tonic::Status;
    use tonic_types::StatusExt;

    use super::*;

    proptest! {
        /// What is encoded by hand is what a library reads.
        #[test]
        fn another_reads_what_was_written(
            message: String, rule: String, limit in ".{0,300}", seconds in 0..=MAX_SECONDS, nanos in 0u32..1_000_000_000,
        ) {
            let delay = Duration::new(seconds, nanos);
            let violation = Violation::new(Reason::RateLimitExceeded, &rule, [("limit", limit.clone())]);
            let violation = violation.quota(&rule, &limit);
            let encoded = violation.status(Code::ResourceExhausted, &message, delay);
            let decoded = BASE64_STANDARD_NO_PAD.decode(encoded).expect("it is base64");
            let status = Status::with_details(Code::Ok, "", decoded.into());
            let details = status.check_error_details().expect("it can be decoded");
            prop_assert_eq!(details.retry_info().and_then(|info| info.retry_delay), Some(delay));
            let metadata = &details.error_info().expect("there is one").metadata;
            prop_assert_eq!((&metadata["rule"], &metadata["limit"]), (&rule, &limit));
            let violations = &details.quota_failure().expect("there is one").violations;
            prop_assert_eq!((&violations[0].subject, &violations[0].description), (&rule, &limit));
            let status = <tonic_types::pb::Status as Message>::decode(status.details()).expect("a status");
            prop_assert_eq!((status.code, status.message, status.details.len()), (8, message, 3));
        }
    }
}
