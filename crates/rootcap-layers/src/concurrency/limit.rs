//! The limit: counts permits.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// A limit on what is in flight. Clones are the same limit.
///
/// ```
/// use std::num::NonZeroUsize;
/// use rootcap_layers::concurrency::Limit;
///
/// let limit = Limit::new(NonZeroUsize::MIN);
/// let permit = limit.try_acquire().expect("there is one");
/// assert!(limit.try_acquire().is_none());
/// drop(permit);
/// assert_eq!(limit.in_flight(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct Limit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: NonZeroUsize,
    in_flight: AtomicUsize,
}

impl Limit {
    /// A limit of `max` at a time.
    pub fn new(max: NonZeroUsize) -> Self {
        Self(Arc::new(Inner { max, in_flight: AtomicUsize::new(0) }))
    }

    /// The most at a time.
    pub fn max(&self) -> NonZeroUsize {
        self.0.max
    }

    /// How many permits are out.
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Relaxed)
    }

    /// A permit, unless as many are out as may be. Never too many are given, and never is one refused
    /// while there is room.
    pub fn try_acquire(&self) -> Option<Permit> {
        // Nothing but the number itself is shared, so no ordering is needed.
        let one_more = |out| (out < self.0.max.get()).then(|| out + 1);
        self.0.in_flight.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Permit(self.clone()))
    }
}

/// One of a [`Limit`]; given back when dropped.
#[derive(Debug)]
#[must_use = "a permit is given back when it is dropped"]
pub struct Permit(Limit);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Relaxed);
    }
}
