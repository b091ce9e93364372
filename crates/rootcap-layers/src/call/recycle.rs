//! Allocations of calls that have ended, kept for the next calls of the same thread.

use std::{cell::RefCell, sync::Arc};

use super::Inner;

/// How many each thread keeps: as many calls as arrive in a burst. They hold what their last call referred to until
/// they are used again, but for its spans, whose end others wait for.
const KEPT: usize = 128;

thread_local! {
    static ENDED: RefCell<Vec<Arc<Inner>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn make(inner: Inner) -> Arc<Inner> {
    let ended = ENDED.try_with(|ended| ended.try_borrow_mut().ok()?.pop()).ok().flatten();
    let Some(mut shared) = ended else { return Arc::new(inner) };
    match Arc::get_mut(&mut shared) {
        Some(place) => {
            *place = inner;
            shared
        }
        None => Arc::new(inner),
    }
}

/// Keeps what the last handle of a call refers to, which is about to be dropped.
pub(super) fn keep(last: &mut Arc<Inner>) {
    let Some(inner) = Arc::get_mut(last) else { return };
    // A subscriber learns of a span's end when the last handle of it is dropped.
    inner.span = None;
    inner.otel = opentelemetry::Context::new();
    // A thread that is ending, or one that drops a call inside of `make`, keeps nothing.
    let _ = ENDED.try_with(|ended| {
        if let Ok(mut ended) = ended.try_borrow_mut()
            && ended.len() < KEPT
        {
            ended.push(Arc::clone(last));
        }
    });
}
