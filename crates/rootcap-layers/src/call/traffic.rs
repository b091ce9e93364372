//! [`Traffic`]: what the bodies of a call have seen of it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Call;

/// Which way a message goes, as seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the handler.
    Received,
    /// From the handler to the client.
    Sent,
}

/// Messages and bytes of one direction of a call.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Call {
    /// Complete messages seen so far in `direction`.
    #[inline]
    pub fn messages(&self, direction: Direction) -> u64 {
        self.traffic(direction).messages.load(Relaxed)
    }

    /// Bytes of bodies seen so far in `direction`, as sent over the wire (compressed, with message prefixes).
    #[inline]
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.traffic(direction).bytes.load(Relaxed)
    }

    /// Adds what one of the two bodies has seen, which alone counts its direction.
    #[inline]
    pub(crate) fn add_traffic(&self, direction: Direction, messages: u64, bytes: u64) {
        let traffic = self.traffic(direction);
        add(&traffic.messages, messages);
        add(&traffic.bytes, bytes);
    }

    #[inline]
    fn traffic(&self, direction: Direction) -> &Traffic {
        match direction {
            Direction::Received => &self.inner().received,
            Direction::Sent => &self.inner().sent,
        }
    }
}

/// Adds to what nobody else writes: no other core has to be asked.
#[inline]
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Relaxed) + more, Relaxed);
}
