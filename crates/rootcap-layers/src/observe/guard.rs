//! The end of a call, reported exactly once, whatever happens.

use std::sync::Arc;

use tokio::time::Instant;
use tonic::Code;

use super::Observer;
use crate::{
    call::{Call, Direction},
    method::Methods,
    outcome::{Cause, End},
    trace::recorded::{self, Known},
};

/// What all calls of an [`Observe`](super::Observe) share.
#[derive(Debug)]
pub(super) struct Shared<O> {
    pub(super) observer: O,
    pub(super) methods: Arc<Methods>,
}

/// Reports the end of a call when dropped: with the status seen, or as cancelled when there was none.
pub(super) struct Guard<O: Observer> {
    shared: Arc<Shared<O>>,
    call: Call,
    /// `None` only after the end.
    state: Option<O::State>,
    end: Option<End>,
    method: MethodIs,
}

/// Whether the call's method is the table's, or waits for the service's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MethodIs {
    Settled,
    /// Seen for the first time.
    Provisional,
}

impl<O: Observer> Guard<O> {
    #[inline]
    pub(super) fn start(shared: Arc<Shared<O>>, call: Call, method: MethodIs) -> Self {
        let state = shared.observer.on_start(&call);
        Self { shared, call, state: Some(state), end: None, method }
    }

    #[inline]
    pub(super) fn call(&self) -> &Call {
        &self.call
    }

    /// The first end that is seen stands.
    #[inline]
    pub(super) fn set_end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// Whether the end has been seen.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    #[inline]
    pub(super) fn add_traffic(&self, direction: Direction, messages: u64, bytes: u64) {
        count_traffic(&self.shared, &self.call, direction, messages, bytes);
    }

    /// The head of the response has been seen; `end` is its status, if it has one.
    #[inline]
    pub(super) fn answered(&mut self, end: Option<End>) {
        self.call.set_answered();
        if self.comes_from_the_method(end.as_ref()) {
            self.call.set_handled();
            if self.method == MethodIs::Provisional {
                self.shared.methods.adopt(self.call.method());
            }
        }
        if let Some(end) = end {
            self.set_end(end);
        }
    }

    /// Whether this answer came from the method. A service answers UNIMPLEMENTED for a method that it does
    /// not have. Policies, and the usual interceptors and auth layers, answer before anyone has looked
    /// whether the method exists: if their answers counted, a caller could invent methods.
    #[inline]
    fn comes_from_the_method(&self, end: Option<&End>) -> bool {
        if self.call.rejected_by().is_some() || self.call.panicked() {
            return false;
        }
        match end {
            None => true,
            Some(end) => !matches!(
                (end.cause(), end.code()),
                (Cause::Http(_), _)
                    | (
                        _,
                        Code::Unimplemented
                            | Code::Unauthenticated
                            | Code::PermissionDenied
                            | Code::ResourceExhausted
                    )
            ),
        }
    }
}

impl<O: Observer> Drop for Guard<O> {
    #[inline]
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        let duration = Instant::now().saturating_duration_since(self.call.started());
        self.call.end_phases(duration);
        let end = self.end.take().filter(|_| !self.call.is_end_unsent());
        let end = end.unwrap_or_else(|| unfinished(&self.call));
        let outcome = end.after(duration);
        self.shared.observer.on_end(&self.call, state, &outcome);
        let known = match self.method {
            MethodIs::Settled => Known::SinceStart,
            MethodIs::Provisional if self.shared.methods.absorb(self.call.method()) => Known::ByNow,
            MethodIs::Provisional => Known::Never,
        };
        recorded::end(&self.call, known, &outcome);
    }
}

/// The end of a call that was dropped: what a panic or the server itself ended is no cancellation by the client.
fn unfinished(call: &Call) -> End {
    match call.cut_by() {
        Some((code, by)) => {
            call.set_rejected_by(by);
            End::new(code, Cause::Dropped)
        }
        None if call.panicked() => End::new(Code::Internal, Cause::Error),
        None => End::new(Code::Cancelled, Cause::Dropped),
    }
}

#[inline]
pub(super) fn count_traffic<O: Observer>(
    shared: &Shared<O>,
    call: &Call,
    direction: Direction,
    messages: u64,
    bytes: u64,
) {
    call.add_traffic(direction, messages, bytes);
    if messages > 0 {
        shared.observer.on_messages(call, direction, messages);
    }
}
