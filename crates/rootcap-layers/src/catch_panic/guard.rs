//! Runs a piece of a call; a panic stops there, and what has panicked is gone.

use std::{
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
};

use pin_project_lite::pin_project;
use tonic::Status;

use crate::call::Call;

/// The piece has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

impl Panicked {
    /// What the caller is told: never the panic's message.
    pub(super) fn status(self) -> Status {
        Call::with_current(|call| match call {
            Some(call) => {
                Status::internal(format!("internal error; request id {}", call.request_id()))
            }
            None => Status::internal("internal error"),
        })
    }

    /// Notes it in the current call, if there is one.
    #[inline]
    pub(super) fn note(self) {
        Call::with_current(|call| {
            if let Some(call) = call {
                call.set_panicked();
            }
        });
    }
}

/// Runs `piece`; a panic is noted, and stops here.
///
/// Unwind safety is asserted: the callers never use again what `piece` has borrowed.
#[inline]
pub(super) fn guard<T>(piece: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(piece)).map_err(|payload| {
        Panicked.note();
        // A payload may panic too when it is dropped; that one's payload is better leaked than dropped.
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(another);
        }
        Panicked
    })
}

pin_project! {
    /// Holds a future, or a body, until it panics.
    pub(super) struct Slot<T> {
        #[pin]
        value: Option<T>,
    }

    impl<T> PinnedDrop for Slot<T> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            this.discard();
        }
    }
}

impl<T> Slot<T> {
    #[inline]
    pub(super) fn new(value: T) -> Self {
        Self { value: Some(value) }
    }

    /// The slot of what has panicked.
    #[inline]
    pub(super) fn empty() -> Self {
        Self { value: None }
    }

    /// What is in the slot, unless it has panicked.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Uses what is in the slot; empties the slot if that panics.
    #[inline]
    pub(super) fn with<R>(
        mut self: Pin<&mut Self>,
        usage: impl FnOnce(Pin<&mut T>) -> R,
    ) -> Result<R, Panicked> {
        let value = self.as_mut().project().value.as_pin_mut().ok_or(Panicked)?;
        guard(|| usage(value)).inspect_err(|_| self.discard())
    }

    /// Drops what is in the slot. What panics while it is dropped counts as dropped.
    #[inline]
    fn discard(self: Pin<&mut Self>) {
        let mut value = self.project().value;
        if value.is_some() {
            let _ = guard(|| value.set(None));
        }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("panicked", &self.value.is_none()).finish()
    }
}
