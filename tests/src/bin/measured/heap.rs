//! Counts the bytes of the heap that are in use, and how often memory is asked for.
#![allow(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The bytes that were asked for and not given back. Pages that the system's allocator keeps for later are not in it,
/// nor is what it needs for itself.
pub(crate) fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

/// How often memory was asked for since the start. A block that grows may have to move: that counts, too.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

fn count(size: usize) {
    IN_USE.fetch_add(size, Relaxed);
    ALLOCATIONS.fetch_add(1, Relaxed);
}

/// The system's allocator, counting.
pub(crate) struct Counting;

// SAFETY: every method hands its arguments to the same method of `System`, unchanged, and returns what that returns;
// so the caller's obligations are exactly those of `System`, and `System`'s promises hold. Counting touches only
// atomics: it neither allocates, nor panics, nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
