//! [`Keys`]: numbers that stand for callers.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Caller;

/// Numbers that stand for the callers of one rule, by a secret of its own: nobody knows which callers come to lie
/// together in a table.
///
/// An address has one that no other has, and takes six operations: nobody makes addresses up, so it need only be spread.
/// Texts callers do make up: theirs are SipHash's, which keeps its secret from whoever sees what becomes of it.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    texts: RandomState,
    secret: u64,
    /// Odd: what is multiplied by it can be divided again.
    factors: [u64; 2],
}

impl Keys {
    /// With a new secret.
    pub(crate) fn new() -> Self {
        let texts = RandomState::new();
        let [secret, one, other] = [0u8, 1, 2].map(|number| texts.hash_one([number; 9]));
        Self { texts, secret, factors: [one | 1, other | 1] }
    }

    /// What stands for a caller.
    #[inline]
    pub(crate) fn of(&self, caller: Caller<'_>) -> u64 {
        match caller {
            Caller::Text(text) => hash(&self.texts, text),
            other => self.spread(number(other)),
        }
    }

    #[inline]
    fn spread(&self, number: u64) -> u64 {
        let product = (number ^ self.secret).wrapping_mul(self.factors[0]);
        let product = (product ^ product >> 32).wrapping_mul(self.factors[1]);
        product ^ product >> 32
    }
}

/// SipHash of a text that is all that is hashed: its length need not go before it.
#[inline]
pub(crate) fn hash(texts: &RandomState, text: &[u8]) -> u64 {
    let mut hasher = texts.build_hasher();
    hasher.write(text);
    hasher.finish()
}

/// What no other has of those that are no text. (No address of IPv6 that anyone may call from begins in 32 zeros.)
#[inline]
pub(crate) fn number(caller: Caller<'_>) -> u64 {
    match caller {
        Caller::V4(address) => 0xffff << 32 | u64::from(address.to_bits()),
        Caller::V6(half) => half,
        Caller::Unknown | Caller::Text(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all() -> impl Iterator<Item = Caller<'static>> {
        let v4 = (0..10_000u32).map(|address| Caller::V4(address.into()));
        let v6 = (0..10_000u64).map(|half| Caller::V6(0x2001_0db8 << 32 | half << 8));
        v4.chain(v6).chain([Caller::Unknown, Caller::Text(b""), Caller::Text(b"blue")])
    }

    #[test]
    fn each_caller_has_one_and_others_under_another_secret() {
        let (keys, others) = (Keys::new(), Keys::new());
        let of = |keys: &Keys| all().map(|caller| keys.of(caller)).collect::<HashSet<_>>();
        assert_eq!((of(&keys).len(), of(&keys)), (all().count(), of(&keys.clone())));
        assert!(of(&keys).is_disjoint(&of(&others)));
    }

    /// Addresses of one net differ in few bits: all bits of what stands for them do.
    #[test]
    fn they_are_spread_over_all_bits() {
        let keys = Keys::new();
        for bits in [0, 32, 60] {
            let mut found = [0; 16];
            for caller in all() {
                found[(keys.of(caller) >> bits) as usize % 16] += 1;
            }
            assert!(found.iter().all(|found| (800..1_800).contains(found)), "{bits}: {found:?}");
        }
    }
}
