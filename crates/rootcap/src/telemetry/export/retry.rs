//! Whether an export that failed is tried again, and when.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// How often a batch is offered to the collector at most.
pub(super) const ATTEMPTS: u32 = 6;

/// The pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that a collector can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long to wait before the next attempt, after so many have failed, the last one with this status. `None` when it
/// is of no use to try again (OTLP specification 1.9, "Failures" of OTLP/gRPC). `spread` is from 0 to 1.
pub(super) fn pause(failed: u32, status: &Status, spread: f64) -> Option<Duration> {
    if failed >= ATTEMPTS {
        return None;
    }
    let asked_for = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let retryable = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        // The collector may recover from it only if it says when.
        Code::ResourceExhausted => asked_for.is_some(),
        _ => false,
    };
    let own = FIRST_PAUSE * 2_u32.pow(failed.saturating_sub(1));
    // Many processes lost the same collector at the same moment.
    let own = own.mul_f64(0.8 + 0.4 * spread);
    retryable.then(|| asked_for.map_or(own, |asked| asked.clamp(own, LONGEST_PAUSE)))
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let status = Status::unavailable("away");
        let pauses: Vec<_> = (1..=ATTEMPTS).map(|failed| pause(failed, &status, 0.5)).collect();
        let millis = [250, 500, 1000, 2000, 4000].map(|ms| Some(Duration::from_millis(ms)));
        assert_eq!(pauses[..5], millis);
        assert_eq!(pauses[5], None);
        let range = [0.0, 1.0].map(|spread| pause(5, &status, spread));
        assert_eq!(range, [3200, 4800].map(|ms| Some(Duration::from_millis(ms))));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for code in (1..=16).map(Code::from_i32) {
            let again = pause(1, &Status::new(code, ""), 0.0).is_some();
            let expected = [1, 4, 10, 11, 14, 15].contains(&i32::from(code));
            assert_eq!(again, expected, "{code:?}");
        }
    }

    #[test]
    fn a_collector_says_when_within_bounds() {
        let asks = |seconds| {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
            let status = Status::with_error_details(Code::ResourceExhausted, "", details);
            pause(1, &status, 0.5)
        };
        assert_eq!(asks(0), Some(FIRST_PAUSE));
        assert_eq!(asks(7), Some(Duration::from_secs(7)));
        assert_eq!(asks(3600), Some(LONGEST_PAUSE));
    }
}
