//! Ending a call from outside of it.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Poll},
};

use atomic_waker::AtomicWaker;
use tonic::Code;

use super::Call;

/// What ends a call that an operator cancels, as [`Call::rejected_by`] names it.
pub(crate) const OPERATOR: &str = "operator";

/// Whether somebody has asked for the end of a call, and whom to wake for it.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    asked: AtomicBool,
    task: AtomicWaker,
}

impl Call {
    /// Asks for the end of the call, from any thread. It ends as soon as its task is polled: with `CANCELLED` where the
    /// deadline's layer can still say so, else by force, by a server that asks [`poll_cancelled`](Self::poll_cancelled).
    pub fn cancel(&self) {
        self.cut(Code::Cancelled, OPERATOR);
        self.inner().cancel.asked.store(true, Relaxed);
        // A swap in the waker: who registers later sees what was stored before.
        self.inner().cancel.task.wake();
    }

    /// Whether somebody has asked for the end of the call.
    pub fn is_cancelled(&self) -> bool {
        self.inner().cancel.asked.load(Relaxed)
    }

    /// Ready when somebody has asked for the end of the call; one task at a time may wait.
    pub fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.inner().cancel.task.register(cx.waker());
        // It may have been asked for before.
        if self.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }
}
