//! Allocations, as they were sampled and as many as there were.

use std::ops::AddAssign;

/// Allocations of one stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

impl Amount {
    /// What samples stand for: of objects of `s` bytes, `1 - exp(-s / every)` are sampled, so that what was found is divided
    /// by that, with the mean size for each, as jeprof and Go's pprof do (`scaleHeapSample`).
    pub(super) fn scaled(self, every: u64) -> Self {
        if self.objects == 0 || self.bytes == 0 {
            return Self::default();
        }
        let size = self.bytes as f64 / self.objects as f64;
        let scale = 1.0 / (1.0 - (-size / every as f64).exp());
        let scaled = |number: u64| (number as f64 * scale).round() as u64;
        Self { objects: scaled(self.objects), bytes: scaled(self.bytes) }
    }

    /// What is more than before.
    pub(super) fn since(self, base: Self) -> Self {
        Self {
            objects: self.objects.saturating_sub(base.objects),
            bytes: self.bytes.saturating_sub(base.bytes),
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.objects = self.objects.saturating_add(other.objects);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stands_for_the_more_the_smaller_it_is() {
        let scaled = |objects, bytes| Amount { objects, bytes }.scaled(524_288);
        assert_eq!(scaled(0, 0), Amount::default());
        // Of 16 bytes, one in 32,768 is sampled.
        assert_eq!(scaled(1, 16), Amount { objects: 32_769, bytes: 524_296 });
        assert_eq!(scaled(10, 524_288_000), Amount { objects: 10, bytes: 524_288_000 });
    }
}
