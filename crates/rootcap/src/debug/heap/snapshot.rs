//! The samples of the heap at one time, what has come since another time, and the profile of either.

use std::{
    collections::HashMap,
    io,
    time::{Duration, SystemTime},
};

use super::{amount::Amount, trim::trim};
use crate::debug::{
    profile::{Profile, Quantity, Sample},
    sampling,
};

/// Which allocations a profile is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that still live.
    InUse,
    /// All that there ever were.
    Allocated,
}

/// What was allocated by one stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(super) in_use: Amount,
    pub(super) allocated: Amount,
}

/// The samples of the heap, and when they were taken.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// One allocation in so many bytes was sampled.
    pub(super) every: u64,
    pub(super) taken: SystemTime,
    /// What the samples stand for, by stack, innermost first.
    pub(super) stacks: HashMap<Vec<u64>, Counts>,
}

impl Counts {
    fn of(self, which: Which) -> Amount {
        match which {
            Which::InUse => self.in_use,
            Which::Allocated => self.allocated,
        }
    }
}

impl Snapshot {
    /// Without stacks yet.
    pub(super) fn new(every: u64) -> Self {
        Self { every, taken: SystemTime::now(), stacks: HashMap::new() }
    }

    /// Adds samples of a stack.
    pub(super) fn add(&mut self, stack: Vec<u64>, Counts { in_use, allocated }: Counts) {
        let known = self.stacks.entry(stack).or_default();
        known.in_use += in_use.scaled(self.every);
        known.allocated += allocated.scaled(self.every);
    }

    /// The profile of it; with a `base`, of what is more than in that one.
    ///
    /// # Errors
    /// When the system does not say what is mapped, to find names.
    pub(crate) fn profile(&self, which: Which, base: Option<&Self>) -> io::Result<Profile> {
        let (samples, gone) = self.samples(which, base);
        let (modules, places) = sampling::places(samples.iter().map(|sample| &*sample.stack))?;
        let mut profile = Profile {
            quantities: which.quantities(),
            period: (SPACE, self.every),
            samples,
            places,
            modules,
            started: base.unwrap_or(self).taken,
            lasted: base.map_or(Duration::ZERO, |base| self.after(base)),
            comments: self.comments(base, gone),
        };
        trim(&mut profile);
        Ok(profile)
    }

    /// The stacks that have more than in the base, and how many bytes others have less.
    fn samples(&self, which: Which, base: Option<&Self>) -> (Vec<Sample>, u64) {
        let before = |stack: &Vec<u64>| {
            let before = base.and_then(|base| base.stacks.get(stack));
            before.copied().unwrap_or_default().of(which)
        };
        let sample = |(stack, counts): (&Vec<u64>, &Counts)| {
            let Amount { objects, bytes } = counts.of(which).since(before(stack));
            let (stack, values, labels) = (stack.clone(), vec![objects, bytes], Vec::new());
            (bytes > 0).then_some(Sample { stack, values, labels })
        };
        let less = |(stack, before): (&Vec<u64>, &Counts)| {
            let now = self.stacks.get(stack).copied().unwrap_or_default();
            before.of(which).since(now.of(which)).bytes
        };
        let gone = base.into_iter().flat_map(|base| &base.stacks).map(less).sum();
        (self.stacks.iter().filter_map(sample).collect(), gone)
    }

    fn comments(&self, base: Option<&Self>, gone: u64) -> Vec<String> {
        let mut comments = vec![format!(
            "Estimated: the stack of one allocation in {} bytes is taken, on average.",
            self.every
        )];
        if let Some(base) = base {
            let seconds = self.after(base).as_secs_f64();
            comments.push(format!(
                "What has grown in the last {seconds:.1}s; what other stacks have less, {gone} bytes, is left out."
            ));
        }
        comments
    }

    fn after(&self, base: &Self) -> Duration {
        self.taken.duration_since(base.taken).unwrap_or_default()
    }
}

const SPACE: Quantity = Quantity { name: "space", unit: "bytes" };

impl Which {
    fn quantities(self) -> &'static [Quantity] {
        const fn quantity(name: &'static str, unit: &'static str) -> Quantity {
            Quantity { name, unit }
        }
        // As Go names them.
        match self {
            Self::InUse => {
                const { &[quantity("inuse_objects", "count"), quantity("inuse_space", "bytes")] }
            }
            Self::Allocated => {
                const { &[quantity("alloc_objects", "count"), quantity("alloc_space", "bytes")] }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(stacks: &[(u64, u64, u64)]) -> Snapshot {
        let mut snapshot = Snapshot::new(1);
        for &(address, in_use, allocated) in stacks {
            let amount = |objects| Amount { objects, bytes: 1000 * objects };
            let counts = Counts { in_use: amount(in_use), allocated: amount(allocated) };
            snapshot.add(vec![address], counts);
        }
        snapshot
    }

    #[test]
    fn with_a_base_there_is_only_what_has_grown() {
        let base = snapshot(&[(1, 5, 5), (2, 5, 5), (3, 5, 5), (4, 5, 5)]);
        let now = snapshot(&[(1, 7, 9), (2, 3, 9), (3, 5, 5), (5, 1, 1)]);
        let of = |which| {
            let (samples, gone) = now.samples(which, Some(&base));
            let mut samples: Vec<_> =
                samples.into_iter().map(|sample| (sample.stack[0], sample.values)).collect();
            samples.sort();
            (samples, gone)
        };
        let in_use = vec![(1, vec![2, 2_000]), (5, vec![1, 1_000])];
        assert_eq!(of(Which::InUse), (in_use, 7_000));
        let allocated = vec![(1, vec![4, 4_000]), (2, vec![4, 4_000]), (5, vec![1, 1_000])];
        assert_eq!(of(Which::Allocated), (allocated, 5_000));
        assert_eq!(now.samples(Which::InUse, None).0.len(), 4);
    }
}
