//! What a refusal says to programs: the details of its status, as `google.rpc` has them.
//!
//! In protobuf's encoding messages that follow one another are one message, with the fields of all. So what is the same
//! for every call that a rule refuses is encoded once.

use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Who gives the reason of a `google.rpc.ErrorInfo`.
const DOMAIN: &str = "rootcap";

/// What is violated, as `google.rpc.ErrorInfo` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The word that programs decide by.
    pub reason: Reason,
    /// A `google.rpc.Status` with details and nothing else.
    pub(super) details: Bytes,
}

/// Why calls are refused, in the word of `google.rpc.ErrorInfo` and of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// More calls began than a quota has.
    RateLimitExceeded,
    /// As many calls as may be are in flight.
    ConcurrencyLimitExceeded,
    /// They are, and as many as may wait do wait.
    QueueFull,
    /// Its deadline would have passed, or did pass, while it waited.
    QueueDeadline,
    /// It has waited as long as a call may.
    QueueTimeout,
    /// As many bytes of requests as may be are in flight.
    RequestBytesExceeded,
}

impl Reason {
    /// All reasons, each at the place of its number.
    pub const ALL: [Self; 6] = [
        Self::RateLimitExceeded,
        Self::ConcurrencyLimitExceeded,
        Self::QueueFull,
        Self::QueueDeadline,
        Self::QueueTimeout,
        Self::RequestBytesExceeded,
    ];

    /// What is done with a call for this reason, in the word of metrics: what its caller has brought about is `rejected`,
    /// what the server cannot take is `shed`.
    pub fn decision(self) -> &'static str {
        if self == Self::RateLimitExceeded { "rejected" } else { "shed" }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimitExceeded => "RATE_LIMIT_EXCEEDED",
            Self::ConcurrencyLimitExceeded => "CONCURRENCY_LIMIT_EXCEEDED",
            Self::QueueFull => "QUEUE_FULL",
            Self::QueueDeadline => "QUEUE_DEADLINE",
            Self::QueueTimeout => "QUEUE_TIMEOUT",
            Self::RequestBytesExceeded => "REQUEST_BYTES_EXCEEDED",
        }
    }
}

impl Violation {
    /// A violation of `rule`; what else there is to know is its metadata.
    pub fn new(
        reason: Reason,
        rule: &str,
        metadata: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let rule = [("rule".to_owned(), rule.to_owned())];
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
        let metadata = metadata.chain(rule).collect::<std::collections::HashMap<_, _>>();
        let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata);
        Self { reason, details: encoded(details) }
    }

    /// With a `google.rpc.QuotaFailure`: whose quota it is, and which.
    #[must_use]
    pub fn quota(mut self, subject: &str, description: &str) -> Self {
        let quota = encoded(ErrorDetails::with_quota_failure_violation(subject, description));
        self.details = [self.details, quota].concat().into();
        self
    }
}

/// A status that is nothing but its details: what has the default value is not encoded.
fn encoded(details: ErrorDetails) -> Bytes {
    Bytes::copy_from_slice(Status::with_error_details(Code::Ok, "", details).details())
}

/// A `google.rpc.Status`: with the details that are encoded already, and a `google.rpc.RetryInfo`.
pub(super) fn encode(code: Code, message: &str, details: &[u8], retry_after: Duration) -> Vec<u8> {
    const TYPE: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";
    let mut delay = Vec::with_capacity(16);
    put_number(&mut delay, 1, retry_after.as_secs().min(MAX_SECONDS));
    put_number(&mut delay, 2, u64::from(retry_after.subsec_nanos()));
    let mut status = Vec::with_capacity(message.len() + details.len() + 96);
    put_number(&mut status, 1, code as u64);
    put_bytes(&mut status, 2, message.as_bytes());
    status.extend_from_slice(details);
    // Each of these lengths takes one byte, as the longest delay takes 16.
    let retry_info = 2 + delay.len();
    put_length(&mut status, 3, 2 + TYPE.len() + 2 + retry_info);
    put_bytes(&mut status, 1, TYPE);
    put_length(&mut status, 2, retry_info);
    put_bytes(&mut status, 1, &delay);
    status
}

/// The longest `google.protobuf.Duration`.
const MAX_SECONDS: u64 = 315_576_000_000;

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn put_number(to: &mut Vec<u8>, field: u8, value: u64) {
    to.push(field << 3);
    put_varint(to, value);
}

fn put_length(to: &mut Vec<u8>, field: u8, length: usize) {
    to.push(field << 3 | 2);
    put_varint(to, length as u64);
}

fn put_bytes(to: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_length(to, field, bytes.len());
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_reason_has_the_place_of_its_number() {
        assert!(Reason::ALL.iter().enumerate().all(|(number, reason)| *reason as usize == number));
    }

    proptest! {
        /// What is encoded by hand is what the library would encode, but for the order of the details.
        #[test]
        fn another_reads_what_was_written(message: String, rule: String, seconds in 0..=MAX_SECONDS, nanos in 0u32..1_000_000_000) {
            let delay = Duration::new(seconds, nanos);
            let violation = Violation::new(Reason::RateLimitExceeded, &rule, []).quota("s", "d");
            let bytes = encode(Code::ResourceExhausted, &message, &violation.details, delay);
            let status = Status::with_details(Code::Ok, "", bytes.into());
            let details = status.check_error_details().expect("it can be decoded");
            prop_assert_eq!(details.retry_info().and_then(|info| info.retry_delay), Some(delay));
            prop_assert_eq!(&details.error_info().expect("there is one").metadata["rule"], &rule);
            prop_assert_eq!(details.quota_failure().expect("there is one").violations.len(), 1);
        }
    }
}
