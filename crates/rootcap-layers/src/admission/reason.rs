//! [`Reason`]: why calls are refused.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_the_place_of_its_number() {
        assert!(Reason::ALL.iter().enumerate().all(|(number, reason)| *reason as usize == number));
    }
}
