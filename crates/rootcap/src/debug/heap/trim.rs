//! Takes the functions of the allocator off a profile, and those of the standard library that do nothing but ask it: each
//! stack then ends in who wanted the memory.

use std::collections::BTreeSet;

use crate::debug::profile::{Function, Profile};

/// How names begin of what calls nothing of a user's: modules, and symbols of jemalloc's.
const BEGINNINGS: &[&str] =
    &["alloc::alloc::", "alloc::raw_vec::", "tikv_jemallocator::", "_rjem_"];
/// By these the compiler calls the program's allocator.
const SYMBOLS: &[&str] = &["__rust_alloc", "__rust_alloc_zeroed", "__rust_realloc"];

fn is_the_allocators(Function { name, .. }: &Function) -> bool {
    let (name, symbol) = (name.trim_start_matches('<'), name.trim_start_matches("__rustc::"));
    SYMBOLS.contains(&symbol) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Trims all stacks.
pub(super) fn trim(profile: &mut Profile) {
    let mut inner = BTreeSet::new();
    for (address, place) in &mut profile.places {
        if let Some(last) = place.functions.iter().rposition(is_the_allocators) {
            // Nothing is called from there but the allocator, so that this holds for each stack.
            place.functions.drain(..=last);
            if place.functions.is_empty() {
                inner.insert(*address);
            }
        }
    }
    for sample in &mut profile.samples {
        // What jemalloc calls itself has other names.
        let last = sample.stack.iter().rposition(|address| inner.contains(address));
        sample.stack.drain(..last.map_or(0, |last| last + 1));
    }
    let used: BTreeSet<u64> = profile.samples.iter().flat_map(|it| &it.stack).copied().collect();
    profile.places.retain(|address, _| used.contains(address));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::debug::profile::{Place, Quantity, Sample};

    fn place(names: &[&str]) -> Place {
        let function = |name: &&str| Function {
            name: (*name).to_owned(),
            linkage: (*name).to_owned(),
            ..Function::default()
        };
        Place { functions: names.iter().map(function).collect(), module: None }
    }

    #[test]
    fn a_stack_ends_in_who_wanted_the_memory() {
        let bytes = Quantity { name: "space", unit: "bytes" };
        let sample =
            |stack: &[u64]| Sample { stack: stack.to_vec(), values: vec![1], labels: Vec::new() };
        let mut profile = Profile {
            quantities: &[],
            period: (bytes, 1),
            samples: vec![sample(&[1, 2, 3, 4, 6]), sample(&[1, 2, 5, 6]), sample(&[6])],
            places: [
                (1, place(&["prof_backtrace_impl"])),
                (2, place(&["_rjem_malloc", "__rustc::__rust_alloc"])),
                (3, place(&["<alloc::alloc::Global as core::alloc::Allocator>::allocate"])),
                (4, place(&["alloc::raw_vec::RawVec<T>::with_capacity", "holds_memory"])),
                (5, place(&["alloc::string::String::push_str"])),
                (6, place(&["main", "__rust_try"])),
            ]
            .into(),
            modules: Vec::new(),
            started: SystemTime::UNIX_EPOCH,
            lasted: Duration::ZERO,
            comments: Vec::new(),
        };
        trim(&mut profile);
        let names = |at: usize| profile.names(&profile.samples[at].stack).collect::<Vec<_>>();
        assert_eq!(names(0), ["holds_memory", "main", "__rust_try"]);
        assert_eq!(names(1), ["alloc::string::String::push_str", "main", "__rust_try"]);
        assert_eq!(names(2), ["main", "__rust_try"]);
        assert_eq!(profile.places.keys().copied().collect::<Vec<_>>(), [4, 5, 6]);
    }
}
