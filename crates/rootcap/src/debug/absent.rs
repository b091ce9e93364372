//! In place of `sampling` where that is not compiled in: nothing is interrupted.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use super::{
    Refused, Request, Stop,
    marks::Doing,
    profile::{MappedFile, Place, Profile, Stack},
};

/// Numbers that stand for those of threads.
static NEXT: AtomicU32 = AtomicU32::new(1);

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(0) };
}

pub(crate) fn thread() -> u32 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Relaxed));
        }
        number.get()
    })
}

pub(crate) fn profile_cpu(
    _: &Request,
    _: &Stop,
    _: impl Fn(Doing) -> Option<String>,
) -> Result<Profile, Refused> {
    Err(Refused::Absent)
}

pub(crate) fn stacks(_: &[u32]) -> io::Result<HashMap<u32, Stack>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn threads() -> io::Result<BTreeSet<u32>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn name(_: u32) -> String {
    String::new()
}

pub(crate) fn places<'a>(
    _: impl Iterator<Item = &'a [u64]>,
) -> io::Result<(Vec<MappedFile>, BTreeMap<u64, Place>)> {
    Err(io::ErrorKind::Unsupported.into())
}
