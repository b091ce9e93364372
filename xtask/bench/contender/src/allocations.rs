//! Counts heap allocations, and tells the count to whoever connects.
//!
//! This is the only module with `unsafe` code: a global allocator cannot be written without.
#![allow(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, thread};

/// The variable that holds the address to tell the count at.
pub const LISTEN: &str = "BENCH_ALLOCATIONS_LISTEN";

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counting. Whoever installs it is measured: it belongs into no other binary.
#[derive(Clone, Copy, Debug)]
pub struct Counting;

// SAFETY: every method hands its arguments to the same method of `System`, unchanged, and returns what that returns;
// so the caller's obligations are exactly those of `System`, and `System`'s promises hold. Counting touches only two
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
        // A block that grows may have to move: that is the work of an allocation.
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

fn count(size: usize) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(size as u64, Ordering::Relaxed);
}

/// Tells everyone who connects to the address in [`LISTEN`] the allocations and bytes since the start, as two numbers
/// in one line. Runs on a thread of its own until the process ends.
///
/// # Errors
///
/// When the variable is missing, or the address cannot be bound.
pub fn tell() -> io::Result<()> {
    let address =
        env::var(LISTEN).map_err(|error| io::Error::other(format!("{LISTEN}: {error}")))?;
    let listener = TcpListener::bind(address)?;
    thread::Builder::new().name("allocations".to_owned()).spawn(move || {
        // A peer that is gone before its answer concerns nobody.
        listener.incoming().flatten().for_each(|peer| drop(answer(peer)));
    })?;
    Ok(())
}

fn answer(mut peer: TcpStream) -> io::Result<()> {
    let (allocations, bytes) = (ALLOCATIONS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    peer.write_all(format!("{allocations} {bytes}\n").as_bytes())
}

/// The rest of a binary that counts: its allocator, and a `main` around the one of the server that it measures.
#[macro_export]
macro_rules! counting {
    ($main:path) => {
        #[global_allocator]
        static ALLOCATOR: $crate::allocations::Counting = $crate::allocations::Counting;

        fn main() -> Result<(), Box<dyn std::error::Error>> {
            $crate::allocations::tell()?;
            $main().map_err(Into::into)
        }
    };
}
