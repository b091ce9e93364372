//! [`Share`]: what one call holds of the budget, shared by the bodies of its request and its response.

use std::{
    cell::RefCell,
    mem,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Waker,
};

use atomic_waker::AtomicWaker;
use http::{HeaderMap, uri::PathAndQuery};

use super::rule::RequestBytesRule;
use crate::Call;

/// What one call holds. It is given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Share(
    /// `None` only while it is dropped.
    Option<Arc<Held>>,
);

#[derive(Debug)]
struct Held {
    rule: Arc<RequestBytesRule>,
    whose: Whose,
    /// Written by the request's body alone.
    bytes: AtomicU64,
    /// What the caller is told, once a message has not fitted.
    refused: OnceLock<Box<HeaderMap>>,
    /// Who sends the answer.
    waiting: AtomicWaker,
}

/// Whose request it is. A handler may read that in a task of its own, where no call is current.
#[derive(Debug)]
pub(super) enum Whose {
    /// A call's that an [`Observe`](crate::observe::Observe) has made.
    Call(Call),
    /// That of a call of which the path is known, at most.
    Path(Option<PathAndQuery>),
}

impl Share {
    #[inline]
    pub(super) fn new(rule: &Arc<RequestBytesRule>, whose: Whose, bytes: u64) -> Self {
        Self(Some(again(rule, whose, bytes).unwrap_or_else(|whose| {
            Arc::new(Held {
                rule: Arc::clone(rule),
                whose,
                bytes: AtomicU64::new(bytes),
                refused: OnceLock::new(),
                waiting: AtomicWaker::new(),
            })
        })))
    }

    #[inline]
    fn held(&self) -> &Held {
        self.0.as_deref().expect("it is there until it is dropped")
    }

    #[inline]
    pub(super) fn rule(&self) -> &RequestBytesRule {
        &self.held().rule
    }

    pub(super) fn call(&self) -> Option<&Call> {
        match &self.held().whose {
            Whose::Call(call) => Some(call),
            Whose::Path(_) => None,
        }
    }

    pub(super) fn path(&self) -> &str {
        match &self.held().whose {
            Whose::Call(call) => call.path(),
            Whose::Path(path) => path.as_ref().map_or("/", PathAndQuery::path),
        }
    }

    /// How many bytes the call holds.
    #[inline]
    pub(super) fn bytes(&self) -> u64 {
        self.held().bytes.load(Relaxed)
    }

    /// Notes that it holds so many; they have been taken, and others given back.
    #[inline]
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.held().bytes.store(bytes, Relaxed);
    }

    /// Ends the call: this is what its caller is told.
    pub(super) fn refuse(&self, told: HeaderMap) {
        let _ = self.held().refused.set(Box::new(told));
        self.held().waiting.wake();
    }

    /// What the caller is told, if the call is to end.
    #[inline]
    pub(super) fn refused(&self) -> Option<&HeaderMap> {
        self.held().refused.get().map(|told| &**told)
    }

    /// The same; if there is nothing yet, `waker` is woken when there is.
    #[inline]
    pub(super) fn poll_refused(&self, waker: &Waker) -> Option<&HeaderMap> {
        self.refused().or_else(|| {
            self.held().waiting.register(waker);
            self.refused()
        })
    }
}

impl Held {
    fn give_back(&mut self) {
        self.rule.give_back(mem::take(self.bytes.get_mut()));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Drop for Share {
    #[inline]
    fn drop(&mut self) {
        let Some(mut shared) = self.0.take() else { return };
        // To ask whether it is the last takes less than to ask whether it will stay so.
        if Arc::strong_count(&shared) == 1
            && let Some(held) = Arc::get_mut(&mut shared)
        {
            held.give_back();
            held.whose = Whose::Path(None);
            drop(held.waiting.take());
            keep(shared);
        }
    }
}

/// How many allocations each thread keeps for its next calls: as many calls as arrive in a burst.
const KEPT: usize = 128;

thread_local! {
    static FREE: RefCell<Vec<Arc<Held>>> = const { RefCell::new(Vec::new()) };
}

/// What was kept of a call that has ended, for one that begins: all that nobody has used is as it is to be.
#[inline]
fn again(rule: &Arc<RequestBytesRule>, whose: Whose, bytes: u64) -> Result<Arc<Held>, Whose> {
    let free = FREE.try_with(|free| free.try_borrow_mut().ok()?.pop()).ok().flatten();
    let Some(mut shared) = free else { return Err(whose) };
    let Some(held) = Arc::get_mut(&mut shared) else { return Err(whose) };
    if !Arc::ptr_eq(&held.rule, rule) {
        held.rule = Arc::clone(rule);
    }
    held.whose = whose;
    *held.bytes.get_mut() = bytes;
    held.refused.take();
    Ok(shared)
}

/// A thread that is ending keeps none.
fn keep(shared: Arc<Held>) {
    let _ = FREE.try_with(|free| {
        if let Ok(mut free) = free.try_borrow_mut()
            && free.len() < KEPT
        {
            free.push(shared);
        }
    });
}
