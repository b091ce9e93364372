//! Counts messages in the bytes of a body: messages are not DATA frames.
//!
//! A gRPC message is one byte of flags, four bytes of length (big endian) and that many bytes
//! (gRPC over HTTP/2, "Length-Prefixed-Message"); frames cut this anywhere.

/// Bytes before each message.
pub(crate) const PREFIX: u8 = 5;

/// Where in the sequence of messages the body stands.
#[derive(Debug, Default)]
pub(crate) struct MessageCount {
    /// Bytes of the prefix seen, if the prefix is not complete.
    prefix_seen: u8,
    length: u32,
    /// Bytes of the message still to come.
    remaining: u32,
}

impl MessageCount {
    /// Takes the next bytes of the body; returns how many messages they complete.
    #[inline]
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> u64 {
        self.feed_with(bytes, |_| ())
    }

    /// [`feed`](Self::feed), which tells the length of each message whose prefix these bytes complete.
    #[inline]
    pub(crate) fn feed_with(&mut self, mut bytes: &[u8], mut begins: impl FnMut(u32)) -> u64 {
        let mut complete = 0;
        if self.is_between_messages() {
            // Nearly always they come whole, and many at a time.
            while let Some((length, rest)) = whole_message(bytes) {
                begins(length);
                complete += 1;
                bytes = rest;
            }
        }
        while !bytes.is_empty() {
            let in_message = self.remaining > 0;
            bytes = if in_message { self.skip(bytes) } else { self.read_prefix(bytes) };
            if self.prefix_seen == 0 {
                if !in_message {
                    begins(self.remaining);
                }
                complete += u64::from(self.remaining == 0);
            }
        }
        complete
    }

    #[inline]
    fn is_between_messages(&self) -> bool {
        self.remaining == 0 && self.prefix_seen == 0
    }

    /// Whether the bytes so far end in the middle of a message, after its prefix.
    pub(crate) fn is_in_message(&self) -> bool {
        self.remaining > 0
    }

    /// Bytes of the message that has begun and that are still to come.
    #[inline]
    pub(crate) fn remaining(&self) -> u32 {
        self.remaining
    }

    fn skip<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let here = bytes.len().min(self.remaining as usize);
        self.remaining -= here as u32;
        &bytes[here..]
    }

    fn read_prefix<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // Nearly always it comes whole.
        if self.prefix_seen == 0
            && let Some((&[_, length @ ..], rest)) =
                bytes.split_first_chunk::<{ PREFIX as usize }>()
        {
            self.remaining = u32::from_be_bytes(length);
            return rest;
        }
        if self.prefix_seen > 0 {
            self.length = (self.length << 8) | u32::from(bytes[0]);
        }
        self.prefix_seen += 1;
        if self.prefix_seen == PREFIX {
            self.remaining = std::mem::take(&mut self.length);
            self.prefix_seen = 0;
        }
        &bytes[1..]
    }
}

/// The length of the message that begins here, and what follows it; `None` if it does not end here.
#[inline]
fn whole_message(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&[_, length @ ..], rest) = bytes.split_first_chunk::<{ PREFIX as usize }>()?;
    let length = u32::from_be_bytes(length);
    Some((length, rest.get(length as usize..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(lengths: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &length in lengths {
            bytes.push(length as u8 & 1);
            bytes.extend_from_slice(&u32::from(length).to_be_bytes());
            bytes.extend(std::iter::repeat_n(0xff, usize::from(length)));
        }
        bytes
    }

    #[test]
    fn an_incomplete_message_does_not_count() {
        let bytes = encode(&[3, 0, 7]);
        assert_eq!(MessageCount::default().feed(&bytes[..bytes.len() - 1]), 2);
        assert_eq!(MessageCount::default().feed(&[0, 255, 255, 255, 255, 1]), 0);
    }

    proptest! {
        #[test]
        fn frames_cut_messages_anywhere(
            lengths in proptest::collection::vec(0u16..300, 0..20),
            cuts in proptest::collection::vec(1usize..50, 1..200),
        ) {
            let bytes = encode(&lengths);
            let (mut counter, mut counted, mut rest) = (MessageCount::default(), 0, bytes.as_slice());
            for cut in cuts.iter().cycle() {
                let (frame, after) = rest.split_at((*cut).min(rest.len()));
                counted += counter.feed(frame);
                rest = after;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(counted, lengths.len() as u64);
        }

        #[test]
        fn lengths_are_told_when_prefixes_are_complete(
            lengths in proptest::collection::vec(0u16..300, 0..20),
            cut in 1usize..50,
        ) {
            let (mut counter, mut told, mut fed) = (MessageCount::default(), Vec::new(), 0);
            for frame in encode(&lengths).chunks(cut) {
                counter.feed_with(frame, |length| told.push(length as u16));
                fed += frame.len();
                let (mut complete, mut end) = (0, 0);
                for length in &lengths {
                    complete += usize::from(end + usize::from(PREFIX) <= fed);
                    end += usize::from(PREFIX) + usize::from(*length);
                }
                prop_assert_eq!(&told, &lengths[..complete]);
            }
        }

        #[test]
        fn any_bytes_are_counted_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let counted = MessageCount::default().feed(&bytes);
            prop_assert!(counted <= bytes.len() as u64 / 5);
        }
    }
}
