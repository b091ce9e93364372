//! [`Told`]: what the last callers were told that were refused, to be told again.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tonic::Code;

use super::Refusal;
use crate::{excerpt::MAX_LEN, reject::Encoded};

/// So many answers are kept: the table of HTTP/2's compression has room for no more.
const KEPT: usize = 4;

/// The last answers to calls that violated one and the same.
///
/// Most of those that are refused are refused again and again, and told the same: then nothing is put into words, and the
/// answer may be kept by the compression of headers (HPACK), so that it is a few bytes from its next time on. What is told
/// once is better not kept there: it would only drive out what comes again. A lock is held for a look, and no longer.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    answers: [Option<Answer>; KEPT],
    oldest: usize,
}

/// What an answer follows from, and the answer.
#[derive(Debug)]
struct Answer {
    millis: u64,
    code: Code,
    path: Box<str>,
    rule: Arc<str>,
    reason: Arc<str>,
    encoded: Encoded,
}

impl Told {
    /// The answer to a call of `path`, which is to come again after so many milliseconds: that of before, or what `answer`
    /// makes.
    pub(super) fn again(
        &self,
        refusal: &Refusal,
        (path, millis): (&str, u64),
        answer: impl FnOnce() -> Encoded,
    ) -> Encoded {
        let is_it = |answer: &&Answer| answer.is_for(refusal, (path, millis));
        if let Some(again) = self.last().answers.iter().flatten().find(is_it) {
            return again.encoded.clone();
        }
        let encoded = answer();
        if path.len() <= MAX_LEN {
            self.last().keep(Answer {
                millis,
                code: refusal.code,
                path: path.into(),
                rule: Arc::clone(&refusal.rule),
                reason: Arc::clone(&refusal.reason),
                encoded: encoded.clone(),
            });
        }
        encoded.passing()
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock()
    }
}

impl Last {
    fn keep(&mut self, answer: Answer) {
        self.answers[self.oldest] = Some(answer);
        self.oldest = (self.oldest + 1) % KEPT;
    }
}

impl Answer {
    fn is_for(&self, refusal: &Refusal, (path, millis): (&str, u64)) -> bool {
        (self.millis, self.code) == (millis, refusal.code)
            && *self.path == *path
            && self.rule == refusal.rule
            && self.reason == refusal.reason
    }
}

/// Violations are the same whatever was told of them.
impl PartialEq for Told {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Told {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use http::HeaderMap;
    use tonic::Status;

    use super::*;
    use crate::admission::{Reason, Violation};

    fn refusal() -> Refusal {
        Refusal {
            policy: "rate_limit",
            rule: "greetings".into(),
            code: Code::ResourceExhausted,
            reason: "it is used up".into(),
            retry_after: Duration::from_millis(5),
            violation: Violation::new(Reason::RateLimitExceeded, "greetings", []),
        }
    }

    /// Whether the table of the compression may keep what was told.
    fn is_kept(headers: &HeaderMap) -> bool {
        let told = ["grpc-message", "grpc-status-details-bin", "grpc-retry-pushback-ms"];
        let kept: Vec<_> = told.iter().map(|name| !headers[*name].is_sensitive()).collect();
        assert!(kept.iter().all(|other| *other == kept[0]), "{headers:?}");
        kept[0]
    }

    #[test]
    fn what_is_told_again_is_the_same_and_may_be_kept() {
        let refusal = refusal();
        let first = refusal.headers("/a.B/C");
        assert!(!is_kept(&first));
        // Clones are of one rule.
        for refusal in [&refusal, &refusal.clone()] {
            let again = refusal.headers("/a.B/C");
            assert!(is_kept(&again));
            assert_eq!(again, first);
        }
    }

    #[test]
    fn what_differs_in_anything_is_told_as_what_it_is() {
        let refusal = refusal();
        refusal.headers("/a.B/C");
        let others = [
            Refusal { rule: "other".into(), ..refusal.clone() },
            Refusal { code: Code::Unavailable, ..refusal.clone() },
            Refusal { reason: "other".into(), ..refusal.clone() },
            Refusal { retry_after: Duration::from_millis(6), ..refusal.clone() },
            Refusal { violation: refusal.violation.clone().quota("a", "b"), ..refusal.clone() },
        ];
        for other in others {
            let headers = other.headers("/a.B/C");
            let fresh = Violation::new(Reason::RateLimitExceeded, "greetings", []);
            let fresh = match other.violation == refusal.violation {
                true => fresh,
                false => fresh.quota("a", "b"),
            };
            assert!(!is_kept(&headers));
            assert_eq!(headers, Refusal { violation: fresh, ..other }.headers("/a.B/C"));
        }
        let other = refusal.headers("/a.B/D");
        assert!(!is_kept(&other));
        assert!(Status::from_header_map(&other).unwrap().message().starts_with("/a.B/D: "));
    }

    #[test]
    fn few_are_kept_and_none_that_is_long() {
        let refusal = refusal();
        let long = "x".repeat(MAX_LEN + 1);
        for _ in 0..2 {
            assert!(!is_kept(&refusal.headers(&long)));
            for path in 0..=KEPT {
                assert!(!is_kept(&refusal.headers(&path.to_string())));
            }
        }
    }
}
