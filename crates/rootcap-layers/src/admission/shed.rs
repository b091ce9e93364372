//! What a call is told that is refused for want of room, where nobody can know when there will be some.

use std::{fmt, str::FromStr, time::Duration};

use tonic::Code;

use super::Malformed;

/// The status of calls that are refused because too much is in flight.
///
/// `UNAVAILABLE` says what is the case: this server cannot serve the call now, and another one, or a later time, may. It
/// is the one code of which [gRPC] says that a client can retry the call; it is the usual entry of a retry policy's
/// `retryableStatusCodes`, and proxies and load balancers turn to another server. A call that was refused here has not
/// been begun, so that retrying it is safe; a stream that is ended for a later message, as the bytes of requests have no
/// room, has been, and is told not to try again. When, is said by `grpc-retry-pushback-ms`, which a client's retry policy keeps
/// to instead of its own backoff ([gRFC A6]); a retry policy with a budget (`retryThrottling`) gives up when most calls
/// are refused. `RESOURCE_EXHAUSTED` is for callers that retry `UNAVAILABLE` without end, and would rather be told that
/// it is they who are too many: few retry it.
///
/// [gRPC]: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
/// [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShedCode {
    /// `UNAVAILABLE`.
    #[default]
    Unavailable,
    /// `RESOURCE_EXHAUSTED`.
    ResourceExhausted,
}

impl ShedCode {
    /// The code.
    pub fn code(self) -> Code {
        match self {
            Self::Unavailable => Code::Unavailable,
            Self::ResourceExhausted => Code::ResourceExhausted,
        }
    }

    /// The word of settings and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::ResourceExhausted => "resource-exhausted",
        }
    }
}

impl FromStr for ShedCode {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        const ACCEPTED: &str = "\"unavailable\" or \"resource-exhausted\"";
        let all = [Self::Unavailable, Self::ResourceExhausted];
        let code = all.into_iter().find(|code| code.as_str() == text);
        code.ok_or_else(|| Malformed::new(text, "is no status for that", ACCEPTED))
    }
}

impl fmt::Display for ShedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The least and the most that a caller is told to wait for.
const SOONEST: Duration = Duration::from_millis(100);
const LATEST: Duration = Duration::from_secs(10);

/// When to try again, if there may be room after `wait`. Up to twice as late for some: clients keep exactly to what they
/// are told, and those that were refused together would come again together.
pub(crate) fn retry_after(wait: Option<Duration>) -> Duration {
    let least = wait.unwrap_or_default().clamp(SOONEST, LATEST);
    least.mul_f64(1.0 + fastrand::f64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for text in ["unavailable", "resource-exhausted"] {
            assert_eq!(text.parse::<ShedCode>().unwrap().to_string(), text);
        }
        let error = "UNAVAILABLE".parse::<ShedCode>().unwrap_err().to_string();
        assert!(error.ends_with("accepted: \"unavailable\" or \"resource-exhausted\""), "{error}");
    }

    #[test]
    fn nobody_is_told_to_come_at_once_or_never_and_few_at_the_same_time() {
        for (wait, least) in
            [(None, 100), (Some(1), 100), (Some(3_000), 3_000), (Some(u64::MAX), 10_000)]
        {
            let least = Duration::from_millis(least);
            let wait = wait.map(Duration::from_millis);
            let told: Vec<_> = (0..100).map(|_| retry_after(wait)).collect();
            assert!(told.iter().all(|told| (least..2 * least).contains(told)), "{told:?}");
            assert!(told.iter().any(|other| *other != told[0]));
        }
    }
}
