//! Where the threads of this process are: sampled while they use the CPU, or asked.
//!
//! A signal interrupts a thread, whose handler ([`handler`]) copies registers and a piece of the stack into a place that
//! is there for it ([`pool`]): it allocates nothing, takes no lock, follows no pointer of the stack, and has the kernel
//! copy what may not be readable. All else is done later, by whoever has asked: to follow the stack ([`unwind`]), by the
//! tables that the compiler leaves for panics, so that no frame pointers are needed, and to find names ([`symbols`]).
//!
//! `system` has all the `unsafe` of it.

mod cpu;
mod handler;
mod modules;
mod pool;
mod stacks;
mod symbols;
mod system;
mod timers;
mod unwind;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

#[cfg(feature = "jemalloc")]
pub(crate) use self::system::memory_file;
pub(crate) use self::{cpu::profile_cpu, stacks::stacks, system::thread};
use self::{modules::Module, symbols::Symbols, unwind::Unwinder};
use super::profile::{MappedFile, Place};

const TASKS: &str = "/proc/self/task";

/// The numbers of the threads of this process.
///
/// # Errors
/// When the system does not say.
pub(crate) fn threads() -> io::Result<BTreeSet<u32>> {
    let entries = fs::read_dir(TASKS)?.filter_map(Result::ok);
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The name of a thread; nothing where it has ended.
pub(crate) fn name(thread: u32) -> String {
    let name = fs::read_to_string(format!("{TASKS}/{thread}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

fn exists(thread: u32) -> bool {
    Path::new(&format!("{TASKS}/{thread}")).exists()
}

/// Where addresses of this process are, and the mapped files that they are in.
///
/// # Errors
/// When the system does not say what is mapped.
pub(crate) fn places<'a>(
    stacks: impl Iterator<Item = &'a [u64]>,
) -> io::Result<(Vec<MappedFile>, BTreeMap<u64, Place>)> {
    let unwinder = Unwinder::of_process()?;
    let written = written(unwinder.modules(), stacks);
    unwinder.keep();
    Ok(written)
}

/// Where the addresses of stacks are, and the files of `modules`.
fn written<'a>(
    modules: &[Module],
    stacks: impl Iterator<Item = &'a [u64]>,
) -> (Vec<MappedFile>, BTreeMap<u64, Place>) {
    let mut symbols = Symbols::new(modules);
    let addresses: BTreeSet<u64> = stacks.flatten().copied().collect();
    let places = addresses.into_iter().map(|address| (address, symbols.place(address))).collect();
    let file = |module: &Module| MappedFile {
        path: module.path.clone(),
        range: module.range.clone(),
        offset: module.offset,
        bias: module.bias,
        build_id: module.build_id.clone(),
    };
    (modules.iter().map(file).collect(), places)
}
