//! [`Profile`]: where a process spent something, by stack: what is written as `profile.proto` or drawn.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, SystemTime},
};

/// What one number of a sample counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

/// Stacks, with how much was spent in each.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// What the numbers of a sample are; the last one is what is usually looked at.
    pub(crate) quantities: &'static [Quantity],
    /// What happened between two samples, and how much of it.
    pub(crate) period: (Quantity, u64),
    pub(crate) samples: Vec<Sample>,
    /// Where the addresses of the samples are.
    pub(crate) places: BTreeMap<u64, Place>,
    pub(crate) modules: Vec<MappedFile>,
    pub(crate) started: SystemTime,
    pub(crate) lasted: Duration,
    /// What a reader has to know of how it came about.
    pub(crate) comments: Vec<String>,
}

/// One stack.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Innermost first.
    pub(crate) stack: Vec<u64>,
    /// As many as there are quantities.
    pub(crate) values: Vec<u64>,
    pub(crate) labels: Vec<(&'static str, String)>,
}

/// The addresses of a stack, innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    /// Each lies in the instruction that was interrupted, or that has called.
    pub(crate) addresses: Vec<u64>,
    /// Whether its outermost function was found.
    pub(crate) whole: bool,
}

/// A mapped file that has code.
#[derive(Debug, Clone, Default)]
pub(crate) struct MappedFile {
    pub(crate) path: String,
    pub(crate) range: Range<u64>,
    /// Where the beginning of the range is in the file.
    pub(crate) offset: u64,
    /// What addresses in the process are ahead of those that the linker gave.
    pub(crate) bias: u64,
    /// The linker's, by which others find the same file.
    pub(crate) build_id: String,
}

/// One function; several share an address where one was compiled into the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Function {
    /// As it was written.
    pub(crate) name: String,
    /// As the linker knows it.
    pub(crate) linkage: String,
    /// The source, where the executable tells.
    pub(crate) file: String,
    /// The line that runs, or 0.
    pub(crate) line: u32,
}

/// Where an address is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// Innermost first; none where nothing is known, as in an executable that was stripped.
    pub(crate) functions: Vec<Function>,
    /// Which of the mapped files.
    pub(crate) module: Option<usize>,
}

impl Profile {
    /// The names of the functions of a stack, innermost first.
    pub(crate) fn names<'a>(&'a self, stack: &'a [u64]) -> impl Iterator<Item = String> + 'a {
        stack.iter().flat_map(|address| names(*address, self.places.get(address), &self.modules))
    }
}

/// What to call the functions at an address, innermost first: always something.
pub(crate) fn names(address: u64, place: Option<&Place>, modules: &[MappedFile]) -> Vec<String> {
    match place {
        Some(place) if !place.functions.is_empty() => {
            place.functions.iter().map(|function| function.name.clone()).collect()
        }
        Some(Place { module: Some(module), .. }) => vec![modules[*module].name_of(address)],
        _ => vec![format!("{address:#x}")],
    }
}

impl MappedFile {
    fn name_of(&self, address: u64) -> String {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        format!("{file}+{:#x}", address.wrapping_sub(self.bias))
    }
}
