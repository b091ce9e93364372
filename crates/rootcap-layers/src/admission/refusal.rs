//! [`Refusal`]: why a call is not served, and what its caller is told.

use std::{borrow::Cow, fmt::Write, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Response};
use tonic::Code;

use super::Violation;
use crate::{excerpt::Excerpt, reject};

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
    pub reason: Cow<'static, str>,
    /// When to try again.
    pub retry_after: Duration,
    /// The same for programs.
    pub violation: Violation,
}

/// How long a client that retries by itself has to wait (gRFC A6).
static PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

impl Refusal {
    /// The answer to a call of `path`: the message names method and rule, and says when to retry; so do
    /// `google.rpc.ErrorInfo` and `RetryInfo` in the details, and `grpc-retry-pushback-ms`.
    pub(crate) fn response<B: Default>(&self, path: &str) -> Response<B> {
        let millis = ceil_to_millis(self.retry_after);
        let message = self.message(path, millis);
        let details = self.violation.status(self.code, &message, self.retry_after);
        let mut response = reject::with_details(self.code, message, details);
        let mut millis = HeaderValue::from(millis);
        millis.set_sensitive(true);
        response.headers_mut().insert(&PUSHBACK, millis);
        response
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

    use bytes::Bytes;
    use http_body_util::Empty;
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
        let response: Response<Empty<Bytes>> = refusal.response("/a.B/C\n");
        assert_eq!(response.headers()["grpc-retry-pushback-ms"], "2");
        assert_eq!(response.headers()["content-type"], "application/grpc");
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::Unavailable);
        let message = "/a.B/C\\n: 7 calls are in flight (rule `greetings`); retry after 2ms";
        assert_eq!(status.message(), message);
        let details = status.get_error_details();
        let retry = details.retry_info().unwrap().retry_delay;
        assert_eq!(retry, Some(Duration::from_micros(1_500)));
        let info = details.error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), ("QUEUE_FULL", "rootcap"));
        let metadata = [("in_flight", "7"), ("rule", "greetings")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(info.metadata, metadata.into());
        let violation = &details.quota_failure().unwrap().violations[0];
        assert_eq!((&*violation.subject, &*violation.description), ("peer", "7 at a time"));
    }
}
