//! Counts the PING frames of a peer, and tells when they come too often (gRFC A8).
//!
//! hyper answers pings itself and tells nobody. So the heads of frames are looked at as their bytes pass: nine bytes
//! each, and what they say is skipped.

use std::time::{Duration, Instant};

/// The client's preface, before its first frame (RFC 9113, 3.4).
const PREFACE: usize = 24;
/// The head of a frame (RFC 9113, 4.1).
const HEAD: usize = 9;
const PING: u8 = 0x6;
const ACK: u8 = 0x1;

/// What a client may send without data in between: one in five minutes (gRFC A8).
const INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How many more than that it may send.
const STRIKES: u32 = 2;
/// The frame that answers a ping.
const ANSWER: u64 = 17;

/// Finds pings in the bytes of a peer, however they are split.
#[derive(Debug)]
pub(super) struct Pings {
    /// What comes before the next head.
    skip: usize,
    head: [u8; HEAD],
    /// How much of the head is there.
    has: usize,
}

impl Default for Pings {
    fn default() -> Self {
        Self { skip: PREFACE, head: [0; HEAD], has: 0 }
    }
}

impl Pings {
    /// How many pings end their heads in these bytes; answers to the server's own are none.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> u32 {
        let mut pings = 0;
        loop {
            if self.skip >= bytes.len() {
                self.skip -= bytes.len();
                return pings;
            }
            bytes = &bytes[self.skip..];
            self.skip = 0;
            bytes = match bytes.split_first_chunk() {
                // Nearly always: nothing is copied.
                Some((head, rest)) if self.has == 0 => {
                    pings += self.head_is(*head);
                    rest
                }
                _ => {
                    let (part, rest) = bytes.split_at(bytes.len().min(HEAD - self.has));
                    self.head[self.has..self.has + part.len()].copy_from_slice(part);
                    self.has += part.len();
                    if self.has == HEAD {
                        self.has = 0;
                        pings += self.head_is(self.head);
                    }
                    rest
                }
            };
        }
    }

    /// Skips what this head says; 1 if it is that of a ping.
    fn head_is(&mut self, [a, b, c, kind, flags, ..]: [u8; HEAD]) -> u32 {
        self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        u32::from(kind == PING && flags & ACK == 0)
    }
}

/// Judges when pings come.
#[derive(Debug, Default)]
pub(super) struct Strikes {
    last: Option<Instant>,
    /// All of them; each has an answer.
    pings: u64,
    /// The most that was seen written besides answers.
    data: u64,
    count: u32,
}

impl Strikes {
    /// A ping has come, after the server had written `written` bytes in all; whether it is one too many.
    ///
    /// What the server sent besides answers to pings makes the next one no strike: clients measure with it how fast
    /// data arrives.
    pub(super) fn ping(&mut self, now: Instant, written: u64) -> bool {
        // Answers that have not gone out yet make it less than it is.
        let data = written.saturating_sub(ANSWER * self.pings);
        self.pings += 1;
        let before = self.data;
        self.data = before.max(data);
        let Some(last) = self.last.replace(now) else { return false };
        if data > before {
            self.count = 0;
        } else if now.saturating_duration_since(last) < INTERVAL {
            self.count += 1;
        }
        self.count > STRIKES
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut frame = u32::try_from(length).expect("short").to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        // Payload that looks like pings.
        frame.extend([0, 0, 0, PING, 0].into_iter().cycle().take(length));
        frame
    }

    fn preface() -> Vec<u8> {
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_count(
            frames in proptest::collection::vec((0_u8..10, 0_u8..3, 0_usize..300), 0..40),
            cuts in proptest::collection::vec(0_usize..8_000, 0..40),
        ) {
            let is_ping = |frame: &&(u8, u8, usize)| frame.0 == PING && frame.1 & ACK == 0;
            let expected = frames.iter().filter(is_ping).count();
            let mut bytes = preface();
            frames.iter().for_each(|&(kind, flags, length)| bytes.extend(frame(kind, flags, length)));
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut pings = Pings::default();
            let counted: u32 = cuts.windows(2).map(|cut| pings.read(&bytes[cut[0]..cut[1]])).sum();
            prop_assert_eq!(counted as usize, expected);
        }

        #[test]
        fn any_bytes_do(bytes: Vec<u8>) {
            Pings::default().read(&bytes);
        }
    }

    #[test]
    fn one_byte_at_a_time() {
        let bytes = [preface(), frame(PING, 0, 8), frame(PING, ACK, 8), frame(PING, 0, 8)].concat();
        let mut pings = Pings::default();
        assert_eq!(bytes.chunks(1).map(|byte| pings.read(byte)).sum::<u32>(), 2);
    }

    #[test]
    fn two_more_than_the_interval_allows_are_let_pass() {
        let (start, mut strikes) = (Instant::now(), Strikes::default());
        let mut at = |seconds, written| strikes.ping(start + Duration::from_secs(seconds), written);
        let answered: Vec<_> = (0..5).map(|n| at(n, n * ANSWER)).collect();
        assert_eq!(answered, [false, false, false, true, true]);
        // Data was sent: it begins anew.
        assert!(!at(6, 10_000));
    }

    /// Their answers go out together: that is no data between them.
    #[test]
    fn those_that_come_together_count_each() {
        let (start, mut strikes) = (Instant::now(), Strikes::default());
        let batches = (0..9).map(|n| {
            let batch = n / 3;
            strikes.ping(start + Duration::from_secs(batch), batch * 3 * ANSWER)
        });
        assert_eq!(batches.filter(|too_often| *too_often).count(), 6);
    }

    #[test]
    fn one_in_five_minutes_is_never_too_often() {
        let (start, mut strikes) = (Instant::now(), Strikes::default());
        assert!(!(0..100).any(|n| strikes.ping(start + INTERVAL * n, 0)));
    }

    #[test]
    fn those_between_data_are_not_either() {
        let (now, mut strikes) = (Instant::now(), Strikes::default());
        assert!(!(0..100).any(|n| strikes.ping(now, n * 1_000)));
    }
}
