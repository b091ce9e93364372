//! [`Demand`]: how many bytes of its request a call holds, as far as can be seen from outside.

use crate::call::{MessageCount, PREFIX};

/// So much of a message counts before its bytes have come: who announces much, and sends nothing, holds no more than that.
pub(super) const AHEAD: u64 = 64 * 1024;

/// How many bytes of its request a call holds.
///
/// A message counts from the moment when its prefix has announced it, because from then on a decoder makes room for it, and
/// beyond [`AHEAD`] as its bytes come. It counts until the next message begins: whoever asks for more has done with those
/// before, but for the last one, which a handler of a call with one message holds to the end.
#[derive(Debug, Default)]
pub(super) struct Demand {
    count: MessageCount,
    /// The bytes of the message that has begun last, with its prefix.
    last: u64,
    /// Whether a whole message has been handed on.
    handed: bool,
}

/// What a call needs once some bytes have been handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needed {
    /// What it holds from then on.
    pub(super) held: u64,
    /// What it will hold besides, when all of a message has come that begins in these bytes.
    pub(super) to_come: u64,
}

impl Demand {
    /// Whether the handler may have had a message.
    #[inline]
    pub(super) fn has_handed(&self) -> bool {
        self.handed
    }

    /// What is held when more is asked for: all messages before the last are done with.
    #[inline]
    pub(super) fn when_asked(&self) -> u64 {
        self.last - self.to_come()
    }

    /// What is held when these bytes have been handed on: the messages that begin in them, and the one that goes on.
    #[inline]
    pub(super) fn when_handed(&mut self, bytes: &[u8]) -> Needed {
        let goes_on = self.count.is_in_message();
        let (before, mut begun) = (self.last, 0);
        let last = &mut self.last;
        let complete = self.count.feed_with(bytes, |length| {
            *last = u64::from(PREFIX) + u64::from(length);
            begun += *last;
        });
        self.handed |= complete > 0;
        let all = if goes_on || begun == 0 { before + begun } else { begun };
        let to_come = self.to_come();
        Needed { held: all - to_come, to_come: if begun > 0 { to_come } else { 0 } }
    }

    /// What of the last message does not count yet.
    #[inline]
    fn to_come(&self) -> u64 {
        u64::from(self.count.remaining()).saturating_sub(AHEAD)
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
        assert_eq!(demand.when_handed(&message(1_000, 10)).held, 1_005);
        assert_eq!(demand.when_asked(), 1_005);
        assert_eq!(demand.when_handed(&[7; 990]).held, 1_005);
        assert_eq!(demand.when_asked(), 1_005, "the handler may hold it");
        assert_eq!(
            demand.when_handed(&message(3, 0)[..4]).held,
            1_005,
            "half a prefix announces nothing"
        );
        assert_eq!(demand.when_handed(&[3]).held, 8);
    }

    #[test]
    fn what_comes_together_counts_together_until_more_is_asked_for() {
        let mut demand = Demand::default();
        let frame = [message(10, 10), message(20, 20), message(500, 1)].concat();
        assert_eq!(demand.when_handed(&frame).held, 15 + 25 + 505);
        assert_eq!(demand.when_asked(), 505);
        let rest = [vec![7; 499], message(1, 1)].concat();
        assert_eq!(demand.when_handed(&rest).held, 505 + 6);
        assert_eq!(demand.when_asked(), 6);
    }

    #[test]
    fn of_a_large_message_no_more_counts_than_has_come_and_a_little_ahead() {
        let (mut demand, length) = (Demand::default(), AHEAD as u32 + 1_000);
        let needed = demand.when_handed(&message(length, 0));
        assert_eq!(needed, Needed { held: 5 + AHEAD, to_come: 1_000 });
        assert_eq!(demand.when_asked(), 5 + AHEAD);
        let needed = demand.when_handed(&[7; 600]);
        assert_eq!(needed, Needed { held: 5 + AHEAD + 600, to_come: 0 }, "it has been told");
        let rest = [vec![7; length as usize - 600], message(3, 3)].concat();
        assert_eq!(demand.when_handed(&rest).held, 5 + u64::from(length) + 8);
        assert_eq!(demand.when_asked(), 8);
    }

    #[test]
    fn a_message_is_handed_on_when_all_of_it_is() {
        let mut demand = Demand::default();
        demand.when_handed(&message(10, 9));
        assert!(!demand.has_handed());
        demand.when_handed(&[7]);
        assert!(demand.has_handed());
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
                let held = demand.when_handed(&bytes[fed..fed + cut]).held;
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
