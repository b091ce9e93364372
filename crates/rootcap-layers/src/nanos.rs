//! Times as one number.

use std::time::Duration;

/// A time in nanoseconds; what is longer than five centuries is as long.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_many_as_fit(seconds in prop_oneof![any::<u64>(), 0u64..20_000_000_000], below in 0u32..1_000_000_000) {
            let duration = Duration::new(seconds, below);
            prop_assert_eq!(nanos(duration), u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}
