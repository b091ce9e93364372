//! [`Id`] and [`Name`]: what a caller is told apart by, and what is shown of it.

use std::{fmt, hash::RandomState};

use crate::{
    admission::{Caller, Keys, hash, number},
    excerpt::MAX_LEN,
};

/// Whose an entry is, and none other can be mistaken for: an address, or two hashes, by secrets, of a text. So a caller
/// takes no more room than another however long its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(pub(super) u64, pub(super) u64);

/// Makes [`Id`]s.
#[derive(Debug, Clone)]
pub(super) struct Ids(Keys, RandomState);

impl Ids {
    pub(super) fn new() -> Self {
        Self(Keys::new(), RandomState::new())
    }

    #[inline]
    pub(super) fn of(&self, caller: Caller<'_>) -> Id {
        let Self(keys, texts) = self;
        let other = match caller {
            Caller::Text(text) => hash(texts, text),
            other => number(other),
        };
        Id(keys.of(caller), other)
    }
}

impl Id {
    /// Of all calls together.
    pub(super) const ALL: Self = Self(0, 0);

    /// A number below `n`, of bits that find no place in a table.
    #[inline]
    pub(super) fn spread(self, n: usize) -> usize {
        (self.0 >> 32) as usize % n
    }
}

/// As much of a caller as is shown of it.
#[derive(Debug)]
pub(super) struct Name {
    caller: Caller<'static>,
    text: Vec<u8>,
}

impl Default for Name {
    fn default() -> Self {
        Self { caller: Caller::Unknown, text: Vec::new() }
    }
}

impl Name {
    /// What is to be shown of this caller.
    pub(super) fn of(caller: Caller<'_>) -> Self {
        let mut name = Self::default();
        name.set(caller);
        name
    }

    /// A caller that is shown alike.
    pub(super) fn caller(&self) -> Caller<'_> {
        match self.caller {
            Caller::Text(_) => Caller::Text(&self.text),
            other => other,
        }
    }

    pub(super) fn set(&mut self, caller: Caller<'_>) {
        self.text.clear();
        self.caller = match caller {
            Caller::Unknown => Caller::Unknown,
            Caller::V4(address) => Caller::V4(address),
            Caller::V6(half) => Caller::V6(half),
            Caller::Text(text) => {
                // One byte more than is shown, so that it is seen that it was cut.
                self.text.extend_from_slice(&text[..text.len().min(MAX_LEN + 1)]);
                Caller::Text(&[])
            }
        };
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.caller().fmt(f)
    }
}
