//! What [`jemalloc!`](crate::jemalloc!) puts into a program: jemalloc as its allocator, told to sample the heap.
#![allow(
    unsafe_code,
    reason = "jemalloc reads its options through a pointer, which is not Sync by itself"
)]

use std::ffi::{CStr, c_char};

pub use tikv_jemallocator::Jemalloc;

/// Options of jemalloc as it looks for them: a pointer to a string with its end.
#[repr(transparent)]
#[derive(Debug)]
pub struct Options(*const c_char);

// SAFETY: what it points to lives as long as the program, and nobody changes it.
unsafe impl Sync for Options {}

impl Options {
    /// These, with a NUL at their end.
    ///
    /// # Panics
    /// When there is another NUL, or none: where a `static` is made of it, that is an error of the compiler's.
    pub const fn new(text: &'static str) -> Self {
        match CStr::from_bytes_with_nul(text.as_bytes()) {
            Ok(text) => Self(text.as_ptr()),
            Err(_) => panic!("options of jemalloc have no NUL in them"),
        }
    }
}

/// Makes jemalloc the program's allocator, with the heap sampled: `/debug/pprof/heap` and `/debug/pprof/allocs` then show
/// which functions hold memory, and which have allocated it. To be called once, in the binary, outside of all functions:
///
/// ```
/// rootcap::jemalloc!();
///
/// fn main() {}
/// ```
///
/// One allocation in 512 KiB is sampled, on average, with its stack. Of each stack that was ever sampled, what was
/// allocated in all is kept (`prof_accum`), for `allocs`; that memory is not given back. Other
/// [options](https://jemalloc.net/jemalloc.3.html#opt.prof) may follow, and have precedence; so have those of the
/// environment's `_RJEM_MALLOC_CONF`:
///
/// ```
/// rootcap::jemalloc!("prof_accum:false,background_thread:true");
///
/// fn main() {}
/// ```
#[macro_export]
macro_rules! jemalloc {
    () => {
        $crate::jemalloc!(@ "");
    };
    ($more:literal) => {
        $crate::jemalloc!(@ ::core::concat!(",", $more));
    };
    (@ $more:expr) => {
        const _: () = {
            #[global_allocator]
            static ALLOCATOR: $crate::jemalloc::Jemalloc = $crate::jemalloc::Jemalloc;

            // Where the linker finds it, jemalloc has no options of its own.
            #[unsafe(export_name = "_rjem_malloc_conf")]
            static OPTIONS: $crate::jemalloc::Options = $crate::jemalloc::Options::new(::core::concat!(
                "prof:true,prof_active:true,prof_accum:true,lg_prof_sample:19",
                $more,
                "\0"
            ));
        };
    };
}
