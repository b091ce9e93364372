//! What a server has taken of a call's response and its peer has not.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    task::{Context, Poll},
};

use atomic_waker::AtomicWaker;

/// With fewer bytes than this unsent, a response is as good as sent: the largest frame that every peer takes (RFC
/// 9113, 4.2).
const FEW: u64 = 16 * 1024;

/// Counts the bytes of a response between the call's body and the peer. The server keeps it; alone, the layers leave
/// it at zero.
#[derive(Debug, Default)]
pub struct Unsent {
    bytes: AtomicU64,
    waiting: AtomicWaker,
    waits: AtomicBool,
}

impl Unsent {
    /// The server has taken so many bytes from the body.
    #[inline]
    pub fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// So many bytes are on their way to the peer, or will never be.
    #[inline]
    pub fn remove(&self, bytes: u64) {
        let before = self.bytes.fetch_sub(bytes, Relaxed);
        if before >= FEW && before - bytes < FEW {
            self.waiting.wake();
        }
    }

    /// How many bytes wait for the peer now.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Notes whether the call waits for what the peer has not taken of other calls.
    pub fn set_waits(&self, waits: bool) {
        self.waits.store(waits, Relaxed);
    }

    /// Whether the call waits for what the peer has not taken of other calls.
    #[inline]
    pub fn waits(&self) -> bool {
        self.waits.load(Relaxed)
    }

    /// Ready when few bytes are unsent; one task at a time may wait.
    #[inline]
    pub fn poll_few(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.bytes() < FEW {
            return Poll::Ready(());
        }
        self.waiting.register(cx.waker());
        // They may have left since.
        if self.bytes() < FEW { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn who_waits_is_woken_when_few_bytes_are_left() {
        let unsent = Unsent::default();
        let mut wait = tokio_test::task::spawn(poll_fn(|cx| unsent.poll_few(cx)));
        unsent.add(3 * FEW);
        assert!(wait.poll().is_pending());
        unsent.remove(2 * FEW);
        assert!(!wait.is_woken() && wait.poll().is_pending());
        unsent.remove(1);
        assert!(wait.is_woken() && wait.poll().is_ready());
        assert_eq!(unsent.bytes(), FEW - 1);
    }
}
