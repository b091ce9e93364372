//! [`Demand`]: how many bytes of its request a call holds, as far as can be seen from outside.

use crate::call::{MessageCount, PREFIX};

/// How many bytes of its request a call holds.
///
/// A message counts from the moment when its prefix has announced it, because from then on a decoder makes room for it. It
/// counts until the next message begins: whoever asks for more has done with those before, but for the last one, which a
/// handler of a call with one message holds to the end.
#[derive(Debug, Default)]
pub(super) struct Demand {
    count: MessageCount,
    /// The bytes of the message that has begun last, with its prefix; before the first, what the head has announced.
    last: u64,
}

impl Demand {
    /// Before the first message, of a request that is so long in all, as far as is known.
    #[inline]
    pub(super) fn announced(bytes: u64) -> Self {
        Self { count: MessageCount::default(), last: bytes }
    }

    /// What is held when more is asked for: all messages before the last are done with.
    #[inline]
    pub(super) fn when_asked(&self) -> u64 {
        self.last
    }

    /// What is held when these bytes have been handed on: the messages that begin in them, and the one that goes on.
    #[inline]
    pub(super) fn when_handed(&mut self, bytes: &[u8]) -> u64 {
        let goes_on = self.count.is_in_message();
        let (before, mut begun) = (self.last, 0);
        let last = &mut self.last;
        self.count.feed_with(bytes, |length| {
            *last = u64::from(PREFIX) + u64::from(length);
            begun += *last;
        });
        if goes_on || begun == 0 { before + begun } else { begun }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: u32, here: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(length.to_be_bytes());
        bytes.resize(5 + here, 7);
        bytes
    }

    #[test]
    fn a_message_counts_from_its_prefix_until_the_next_one_begins() {
        let mut demand = Demand::default();
        assert_eq!(demand.when_asked(), 0);
        assert_eq!(demand.when_handed(&message(1_000, 10)), 1_005);
        assert_eq!(demand.when_asked(), 1_005);
        assert_eq!(demand.when_handed(&[7; 990]), 1_005);
        assert_eq!(demand.when_asked(), 1_005, "the handler may hold it");
        assert_eq!(
            demand.when_handed(&message(3, 0)[..4]),
            1_005,
            "half a prefix announces nothing"
        );
        assert_eq!(demand.when_handed(&[3]), 8);
    }

    #[test]
    fn what_comes_together_counts_together_until_more_is_asked_for() {
        let mut demand = Demand::default();
        let frame = [message(10, 10), message(20, 20), message(500, 1)].concat();
        assert_eq!(demand.when_handed(&frame), 15 + 25 + 505);
        assert_eq!(demand.when_asked(), 505);
        let rest = [vec![7; 499], message(1, 1)].concat();
        assert_eq!(demand.when_handed(&rest), 505 + 6);
        assert_eq!(demand.when_asked(), 6);
    }

    #[test]
    fn what_the_head_has_announced_counts_until_the_first_message() {
        let mut demand = Demand::announced(105);
        assert_eq!(demand.when_asked(), 105);
        assert_eq!(demand.when_handed(&message(100, 50)), 105);
    }

    proptest! {
        /// It is never less than the bytes of the messages that are in the decoder's hands.
        #[test]
        fn no_message_that_is_not_done_with_is_forgotten(
            lengths in proptest::collection::vec(0u32..300, 0..20),
            cuts in proptest::collection::vec(1usize..400, 1..50),
        ) {
            let bytes: Vec<u8> = lengths.iter().flat_map(|length| message(*length, *length as usize)).collect();
            let mut ends = Vec::new();
            for length in &lengths {
                ends.push(ends.last().unwrap_or(&0) + 5 + *length as usize);
            }
            let (mut demand, mut fed) = (Demand::default(), 0);
            for cut in cuts.iter().cycle() {
                if fed == bytes.len() { break; }
                let cut = (*cut).min(bytes.len() - fed);
                // Complete messages are taken from the decoder before it asks for more.
                let done = ends.iter().filter(|end| **end <= fed).max().copied().unwrap_or(0);
                let held = demand.when_handed(&bytes[fed..fed + cut]);
                fed += cut;
                let whole = ends.iter().filter(|end| **end <= fed).max().copied().unwrap_or(0);
                prop_assert!(held >= (whole - done) as u64, "{held} of {done}..{whole}");
                let open = ends.iter().find(|end| **end > fed).filter(|_| fed - whole >= 5);
                prop_assert!(open.is_none_or(|end| held >= (end - done) as u64));
                prop_assert!(demand.when_asked() <= held);
            }
        }
    }
}
