//! What is asked of jemalloc: its samples, and what it counts.
//!
//! All goes through its one function, `mallctl`, with the names of jemalloc's manual. The `unsafe` of it is in [`number`],
//! [`refresh`] and [`dump_to`].
#![allow(unsafe_code, reason = "jemalloc has no safe interface")]

use std::{
    ffi::{CStr, CString},
    fs::File,
    hint::black_box,
    io,
    os::fd::AsRawFd,
    ptr,
};

use tikv_jemalloc_sys::mallctl;

use super::Absent;
use crate::debug::{memory::Part, sampling::memory_file};

/// The most bytes of a dump: far more than what some ten thousand different stacks take.
const MOST: u64 = 128 << 20;

/// What jemalloc counts of the heap, in bytes.
const NUMBERS: &[(&CStr, &str, &str)] = &[
    (c"stats.allocated", "allocated", "what the program holds"),
    (c"stats.active", "active", "pages of which the program holds a part"),
    (c"stats.metadata", "metadata", "what jemalloc itself needs"),
    (
        c"stats.resident",
        "resident",
        "in the machine's memory: active, metadata, and what is not given back yet",
    ),
    (c"stats.mapped", "mapped", "addresses that are backed"),
    (c"stats.retained", "retained", "addresses that are kept for later, given back as memory"),
];

/// Whether jemalloc samples the heap, and if it does, whether it also keeps what was freed.
pub(super) fn samples() -> Result<bool, Absent> {
    is_the_allocator()?;
    if flag(c"opt.prof") { Ok(flag(c"opt.prof_accum")) } else { Err(Absent::NotSampled) }
}

/// Its samples, as text.
///
/// # Errors
/// When they cannot be written, or are too many.
pub(super) fn dump() -> io::Result<File> {
    // In memory, without a name, so that nothing stays behind. A pipe would not do: jemalloc holds locks while it writes.
    let file = memory_file(MOST)?;
    let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    dump_to(&path)?;
    if file.metadata()?.len() > MOST {
        return Err(io::Error::other(format!("jemalloc's samples take more than {MOST} bytes")));
    }
    Ok(file)
}

/// What it counts, now.
pub(crate) fn numbers() -> Result<Vec<Part>, Absent> {
    is_the_allocator()?;
    refresh();
    let part = |&(path, key, name): &(&CStr, _, _)| Some(Part { name, key, bytes: number(path)? });
    Ok(NUMBERS.iter().filter_map(part).collect())
}

/// What the program holds, in bytes; 0 where jemalloc is not its allocator.
pub(crate) fn allocated() -> u64 {
    refresh();
    number(c"stats.allocated").unwrap_or(0)
}

fn is_the_allocator() -> Result<(), Absent> {
    let allocated = || number(c"thread.allocated");
    let before = allocated();
    drop(black_box(Vec::<u8>::with_capacity(1024)));
    if allocated() > before { Ok(()) } else { Err(Absent::OtherAllocator) }
}

fn flag(name: &CStr) -> bool {
    read(name).is_some_and(|[byte]| byte != 0)
}

/// A `size_t` or `uint64_t`; the platforms that this is for have both of the same size.
fn number(name: &CStr) -> Option<u64> {
    read(name).map(u64::from_ne_bytes)
}

/// The value of a name, if there is one of this size.
fn read<const SIZE: usize>(name: &CStr) -> Option<[u8; SIZE]> {
    let (mut value, mut size) = ([0; SIZE], SIZE);
    // SAFETY: the name has its end. jemalloc writes `size` bytes at most, of which there is room for so many, and any bytes
    // are a value of the array; where a name has a value of another size, or none, it says so. Nothing is changed.
    let failed = unsafe {
        let (value, size) = (value.as_mut_ptr().cast(), &raw mut size);
        mallctl(name.as_ptr(), value, size, ptr::null_mut(), 0)
    };
    (failed == 0 && size == SIZE).then_some(value)
}

/// Makes it count anew: until then it answers what it has counted before.
fn refresh() {
    let mut epoch = 1_u64;
    // SAFETY: `epoch` takes a `uint64_t`, which it only reads.
    unsafe {
        let (value, size) = ((&raw mut epoch).cast(), size_of_val(&epoch));
        mallctl(c"epoch".as_ptr(), ptr::null_mut(), ptr::null_mut(), value, size);
    }
}

fn dump_to(path: &CStr) -> io::Result<()> {
    let mut path = path.as_ptr();
    // SAFETY: `prof.dump` takes a pointer to a string with its end, which it reads before it returns.
    let failed = unsafe {
        let (value, size) = ((&raw mut path).cast(), size_of_val(&path));
        mallctl(c"prof.dump".as_ptr(), ptr::null_mut(), ptr::null_mut(), value, size)
    };
    match failed {
        0 => Ok(()),
        number => {
            let error = io::Error::from_raw_os_error(number);
            Err(io::Error::other(format!("jemalloc does not write its samples: {error}")))
        }
    }
}
