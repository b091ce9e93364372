//! [`Permit`]: one of those that a limit has.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{limit::Limit, shard::Turn};

/// Where the limit has counted a call: small, as all calls are moved with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    shard: u32,
    caller: u32,
}

impl Place {
    #[inline]
    pub(super) fn new(shard: usize, caller: usize) -> Self {
        let small = |at: usize| u32::try_from(at).expect("there are no 4 billion calls at a time");
        Self { shard: small(shard), caller: small(caller) }
    }

    pub(super) fn shard(self) -> usize {
        self.shard as usize
    }

    pub(super) fn caller(self) -> usize {
        self.caller as usize
    }
}

/// One of the permits of a limit. It is given back, or to the next that waits, when it is dropped.
#[derive(Debug)]
#[must_use = "a permit is given back when it is dropped"]
pub struct Permit {
    /// `None` once it has been given back.
    limit: Option<Arc<Limit>>,
    place: Place,
}

/// What a call holds: a permit of each limit that is about it. More than these few are in an allocation.
pub type Permits = SmallVec<[Permit; 3]>;

impl Permit {
    #[inline]
    pub(super) fn new(limit: Arc<Limit>, place: Place) -> Self {
        Self { limit: Some(limit), place }
    }

    /// Gives it to whose turn it is; returned if that one waits no longer.
    pub(super) fn pass(self, turn: Turn) -> Option<Self> {
        turn.send(self).err()
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        let Some(mut limit) = self.limit.take() else { return };
        // Who waits no longer gives back at once what it is given: a loop, as there may be many.
        while let Some(turn) = limit.release(self.place) {
            let Some(mut permit) = Permit::new(limit, self.place).pass(turn) else { return };
            let Some(again) = permit.limit.take() else { return };
            limit = again;
        }
    }
}
