//! What the heap holds, and which functions have allocated it: where the program's allocator is jemalloc, and samples.
//!
//! jemalloc takes the stack of one allocation in so many bytes, and knows which of these still live. It writes them as
//! text, when asked ([`jemalloc`], which has the `unsafe` of it); they are read ([`dump`]), and names are looked for as
//! for the stacks of a CPU profile.
//!
//! It follows the stack by itself, where the allocation is made, before it takes a lock of its own; and the signal of a CPU
//! profile, which may find a thread within jemalloc, allocates nothing and waits for nothing. So neither waits for the
//! other.

mod amount;
mod dump;
#[cfg(all(
    feature = "jemalloc",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod jemalloc;
#[cfg(not(all(
    feature = "jemalloc",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "absent.rs"]
mod jemalloc;
mod kept;
mod snapshot;
mod trim;

use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
};

pub(crate) use self::{
    jemalloc::{allocated, numbers},
    kept::{KEPT, Kept},
    snapshot::{Snapshot, Which},
};

/// Why there is nothing to see of the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "it depends on the build which of them there are")]
pub(crate) enum Absent {
    /// It is not compiled in, or not for this platform.
    NotCompiled,
    /// The program has another allocator.
    OtherAllocator,
    /// jemalloc was started without sampling.
    NotSampled,
    /// jemalloc forgets what was freed.
    NoTotals,
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCompiled => {
                "this program was built without jemalloc, which samples the heap on Linux, on x86-64 and AArch64: \
                 add the feature \"jemalloc\" of rootcap, and call rootcap::jemalloc!() in main.rs"
            }
            Self::OtherAllocator => {
                "jemalloc, which samples the heap, is compiled in, but is not the allocator of this program: \
                 call rootcap::jemalloc!() in main.rs"
            }
            Self::NotSampled => {
                "jemalloc was started without sampling the heap: call rootcap::jemalloc!() in main.rs, \
                 or start the program with _RJEM_MALLOC_CONF=prof:true"
            }
            Self::NoTotals => {
                "jemalloc was started without keeping what was freed: leave out prof_accum:false in main.rs, \
                 or start the program with _RJEM_MALLOC_CONF=prof_accum:true"
            }
        })
    }
}

/// Whether profiles of that kind can be had.
///
/// # Errors
/// What is missing, and how to have it.
pub(crate) fn look(which: Which) -> Result<(), Absent> {
    let totals = jemalloc::samples()?;
    if which == Which::Allocated && !totals { Err(Absent::NoTotals) } else { Ok(()) }
}

/// What is sampled of the heap by now. One dump is made at a time; others wait, which is not for long.
///
/// # Errors
/// When jemalloc cannot write its samples, or writes more than there is room for.
pub(crate) fn take() -> io::Result<Snapshot> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    dump::read(io::BufReader::new(jemalloc::dump()?))
}
