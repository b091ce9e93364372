//! [`Account`]: what one call holds of the budget, and what its caller is told if that is not enough.

use std::{
    sync::{
        OnceLock,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    task::Waker,
};

use atomic_waker::AtomicWaker;
use http::HeaderMap;

/// What one call holds of the budget. A [`Call`](crate::Call) has one, so that counting it costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Whether it is in use, or was.
    opened: AtomicBool,
    /// How many shares there are of it.
    holders: AtomicUsize,
    /// Written by the request's body alone.
    bytes: AtomicU64,
    /// What the caller is told, once a message has not fitted.
    refused: OnceLock<Box<HeaderMap>>,
    /// Who sends the answer.
    waiting: AtomicWaker,
}

impl Account {
    /// For one holder, of nothing yet; only once, as two limits do not share an account.
    #[inline]
    pub(super) fn open(&self) -> bool {
        let is_first = !self.opened.swap(true, Relaxed);
        if is_first {
            self.holders.store(1, Relaxed);
        }
        is_first
    }

    /// For one holder more.
    #[inline]
    pub(super) fn join(&self) {
        self.holders.fetch_add(1, Relaxed);
    }

    /// For one holder less; returns what is to be given back, if that was the last.
    #[inline]
    pub(super) fn leave(&self) -> Option<u64> {
        let was_last = self.holders.fetch_sub(1, AcqRel) == 1;
        was_last.then(|| self.bytes())
    }

    /// How many bytes the call holds.
    #[inline]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Notes that it holds so many; they have been taken, and others given back.
    #[inline]
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
    }

    /// Ends the call: this is what its caller is told.
    pub(super) fn refuse(&self, told: HeaderMap) {
        let _ = self.refused.set(Box::new(told));
        self.waiting.wake();
    }

    /// What the caller is told, if the call is to end.
    #[inline]
    pub(super) fn refused(&self) -> Option<&HeaderMap> {
        self.refused.get().map(|told| &**told)
    }

    /// The same; if there is nothing yet, `waker` is woken when there is.
    #[inline]
    pub(super) fn poll_refused(&self, waker: &Waker) -> Option<&HeaderMap> {
        self.refused().or_else(|| {
            self.waiting.register(waker);
            self.refused()
        })
    }
}
