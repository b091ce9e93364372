//! [`ByMethod`]: something for each method, found by its number.

use std::sync::{Arc, OnceLock};

use crate::{DEFAULT_MAX_METHODS, Method};

/// With one for those that are not known. Methods beyond the usual number of them count as not known.
const SLOTS: usize = DEFAULT_MAX_METHODS + 1;

/// Something for each method, made when it is first asked for: to find it takes less than to look at the method's name.
#[derive(Debug)]
pub(super) struct ByMethod<T>(
    /// By the number of the method; it takes no room before it is used.
    OnceLock<Box<[Slot<T>]>>,
);

type Slot<T> = OnceLock<Box<Of<T>>>;

#[derive(Debug)]
struct Of<T> {
    method: Arc<Method>,
    value: T,
}

impl<T> Default for ByMethod<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> ByMethod<T> {
    /// What there is for this method, which `make` makes; `None` for one that has no number.
    #[inline]
    pub(super) fn of(&self, method: &Arc<Method>, make: impl FnOnce() -> T) -> Option<&T> {
        let slots = self.0.get_or_init(|| (1..SLOTS).map(|_| OnceLock::new()).collect());
        let slot = slots.get(method.number().wrapping_sub(1))?;
        let of = slot.get_or_init(|| Box::new(Of { method: Arc::clone(method), value: make() }));
        // Another table of methods may have given the number to another one.
        Arc::ptr_eq(&of.method, method).then_some(&of.value)
    }
}
