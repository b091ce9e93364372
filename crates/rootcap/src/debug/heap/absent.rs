//! In place of `jemalloc.rs` where jemalloc is not compiled in: nothing is known.

use std::io;

use super::Absent;
use crate::debug::memory::Part;

pub(super) fn samples() -> Result<bool, Absent> {
    Err(Absent::NotCompiled)
}

pub(super) fn dump() -> io::Result<io::Empty> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn numbers() -> Result<Vec<Part>, Absent> {
    Err(Absent::NotCompiled)
}

pub(crate) fn allocated() -> u64 {
    0
}
