//! What becomes of a [`Call`], as those note it that serve it.

use std::sync::atomic::Ordering::Relaxed;

use tonic::Code;

use super::{Call, Phase};

impl Call {
    #[inline]
    pub(crate) fn set_answered(&self) {
        self.inner().answered.store(true, Relaxed);
        self.set_phase(Phase::Streaming);
    }

    /// Whether the head of the response is out.
    #[inline]
    pub fn is_answered(&self) -> bool {
        self.inner().answered.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set_handled(&self) {
        self.inner().handled.store(true, Relaxed);
    }

    /// Whether the answer came from the method, as far as can be seen: not from a policy, nor from a layer that refuses.
    #[inline]
    pub fn is_handled(&self) -> bool {
        self.inner().handled.load(Relaxed)
    }

    /// Notes that the server is about to drop the call, if it has not ended yet: the status that stands for it, and
    /// what did it.
    pub fn cut(&self, code: Code, by: &'static str) {
        let _ = self.inner().cut.set((code, by));
    }

    #[inline]
    pub(crate) fn cut_by(&self) -> Option<(Code, &'static str)> {
        self.inner().cut.get().copied()
    }

    /// Notes that the end of the response, although the body has told it, will never be sent: it does not count.
    pub fn set_end_unsent(&self) {
        self.inner().end_unsent.store(true, Relaxed);
    }

    #[inline]
    pub(crate) fn is_end_unsent(&self) -> bool {
        self.inner().end_unsent.load(Relaxed)
    }

    /// Notes that the handler or a layer panicked.
    pub fn set_panicked(&self) {
        self.inner().panicked.store(true, Relaxed);
    }

    /// Whether the handler or a layer panicked.
    #[inline]
    pub fn panicked(&self) -> bool {
        self.inner().panicked.load(Relaxed)
    }

    /// Notes which policy refused the call, or cut it; the first one to say so stands.
    pub fn set_rejected_by(&self, policy: &'static str) {
        let _ = self.inner().rejected_by.set(policy);
    }

    /// The policy that refused the call, or cut it, if one did.
    #[inline]
    pub fn rejected_by(&self) -> Option<&'static str> {
        self.inner().rejected_by.get().copied()
    }
}
