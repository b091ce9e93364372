//! [`Refusal`]: why a call is not served, and what its caller is told.

use std::{fmt::Write, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use tonic::Code;

use super::Violation;
use crate::{excerpt::Excerpt, reject::Encoded};

/// Why a call may not be served now, and when it could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// How metrics and logs name the policy. The name becomes the value of a label: it must never change.
    pub policy: &'static str,
    /// The name of the rule that is violated.
    pub rule: Arc<str>,
    /// The status of the call.
    pub code: Code,
    /// In words for the caller, who is told it.
    pub reason: Arc<str>,
    /// When to try again.
    pub retry_after: Duration,
    /// The same for programs.
    pub violation: Violation,
}

impl Refusal {
    /// The head of the answer to a call of `path`: the message names method and rule, and says when to retry; so do
    /// `google.rpc.ErrorInfo` and `RetryInfo` in the details, and `grpc-retry-pushback-ms`.
    pub(crate) fn headers(&self, path: &str) -> HeaderMap {
        let millis = round_up(ceil_to_millis(self.retry_after));
        let answer = || self.answer(path, millis);
        self.violation.told.again(self, (path, millis), answer).headers()
    }

    fn answer(&self, path: &str, millis: u64) -> Encoded {
        let message = self.message(path, millis);
        let retry_after = Duration::from_millis(millis);
        let details = self.violation.status(self.code, &message, retry_after);
        Encoded::new(self.code, message, details, HeaderValue::from(millis))
    }

    fn message(&self, path: &str, retry_after: u64) -> String {
        let Self { reason, rule, .. } = self;
        let mut message = String::with_capacity(path.len() + reason.len() + rule.len() + 64);
        write!(message, "{}", Excerpt(path)).expect("writing to a string does not fail");
        for part in [": ", reason, " (rule `", rule, "`); retry after "] {
            message.push_str(part);
        }
        push_millis(&mut message, retry_after);
        message
    }
}

/// Readable, and never too early.
fn ceil_to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// To two digits, never too early: who is refused again and again within a moment is told the same, which costs next to
/// nothing to say again. Nobody waits for more than a tenth longer.
fn round_up(millis: u64) -> u64 {
    let unit = 10u64.pow(millis.checked_ilog10().unwrap_or_default().saturating_sub(1));
    millis.div_ceil(unit).saturating_mul(unit)
}

/// As `Duration` would write it, in a tenth of the time.
fn push_millis(to: &mut String, millis: u64) {
    let (seconds, rest) = (millis / 1_000, millis % 1_000);
    let mut number = itoa::Buffer::new();
    if seconds == 0 {
        to.push_str(number.format(rest));
        return to.push_str("ms");
    }
    to.push_str(number.format(seconds));
    if rest > 0 {
        // With a digit before them, the zeros that they begin with are there too.
        to.push('.');
        to.push_str(number.format(1_000 + rest)[1..].trim_end_matches('0'));
    }
    to.push('s');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;
    use tonic::Status;
    use tonic_types::StatusExt;

    use super::*;
    use crate::admission::Reason;

    #[test]
    fn whoever_waits_as_the_message_says_is_never_too_early() {
        for (nanos, millis) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2)] {
            assert_eq!(ceil_to_millis(Duration::from_nanos(nanos)), millis);
        }
        assert_eq!(ceil_to_millis(Duration::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn two_digits_are_told_and_never_less(millis in prop_oneof![0u64..3_000, any::<u64>()]) {
            let told = round_up(millis);
            prop_assert!(told >= millis && told - millis <= millis / 10);
            let digits = told.to_string();
            prop_assert!(told == u64::MAX || digits.trim_end_matches('0').len() <= 2, "{}", digits);
        }

        #[test]
        fn times_are_written_as_usual(millis in prop_oneof![1u64..3_000, any::<u64>()]) {
            let mut written = String::new();
            push_millis(&mut written, millis);
            prop_assert_eq!(written, format!("{:?}", Duration::from_millis(millis)));
        }
    }

    #[test]
    fn people_and_programs_are_told_the_same() {
        let violation = Violation::new(Reason::QueueFull, "greetings", [("in_flight", "7".into())]);
        let refusal = Refusal {
            policy: "concurrency",
            rule: "greetings".into(),
            code: Code::Unavailable,
            reason: "7 calls are in flight".into(),
            retry_after: Duration::from_micros(1_500),
            violation: violation.quota("peer", "7 at a time"),
        };
        let headers = refusal.headers("/a.B/C\n");
        assert_eq!(headers["grpc-retry-pushback-ms"], "2");
        assert_eq!(headers["content-type"], "application/grpc");
        let status = Status::from_header_map(&headers).unwrap();
        assert_eq!(status.code(), Code::Unavailable);
        let message = "/a.B/C\\n: 7 calls are in flight (rule `greetings`); retry after 2ms";
        assert_eq!(status.message(), message);
        let details = status.get_error_details();
        let retry = details.retry_info().unwrap().retry_delay;
        assert_eq!(retry, Some(Duration::from_millis(2)));
        let info = details.error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), ("QUEUE_FULL", "rootcap"));
        let metadata = [("in_flight", "7"), ("rule", "greetings")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(info.metadata, metadata.into());
        let violation = &details.quota_failure().unwrap().violations[0];
        assert_eq!((&*violation.subject, &*violation.description), ("peer", "7 at a time"));
    }
}
