//! Reads what Linux says of the memory of the process; elsewhere there is nothing to read.

use std::{fs, time::Duration};

use super::Sample;

/// A part of the process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// The name that the kernel, or the allocator, gives it.
    pub(crate) key: &'static str,
    pub(crate) bytes: u64,
}

/// Of `/proc/self/status`.
const STATUS: &[(&str, &str)] = &[
    ("VmRSS", "resident"),
    ("VmHWM", "the most that was resident"),
    ("RssAnon", "resident, of no file: heaps and stacks"),
    ("RssFile", "resident, of files: code"),
    ("RssShmem", "resident, shared memory"),
    ("VmSwap", "swapped out"),
    ("VmSize", "addresses in use"),
    ("VmPTE", "page tables"),
];

/// Of `/proc/self/smaps_rollup`.
const ROLLUP: &[(&str, &str)] = &[
    ("Pss", "share of what is resident, if what is shared is divided"),
    ("Private_Dirty", "written, and nobody else's"),
    ("AnonHugePages", "in huge pages"),
    ("LazyFree", "given back, and not yet taken: counts as resident until another needs it"),
];

/// What there is now; `None` where there is no `/proc`.
pub(super) fn sample(at: Duration) -> Option<Sample> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |key| bytes_of(&status, key);
    Some(Sample {
        at,
        resident: bytes("VmRSS")?,
        anonymous: bytes("RssAnon").unwrap_or(0),
        swapped: bytes("VmSwap").unwrap_or(0),
        allocated: 0,
    })
}

/// The parts that the kernel counts anyway.
pub(crate) fn parts() -> Vec<Part> {
    read("/proc/self/status", STATUS)
}

/// The parts for which the kernel walks the page tables: the more memory, the longer that takes.
pub(crate) fn rolled_up() -> Vec<Part> {
    read("/proc/self/smaps_rollup", ROLLUP)
}

fn read(file: &str, keys: &[(&'static str, &'static str)]) -> Vec<Part> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let part = |&(key, name)| Some(Part { name, key, bytes: bytes_of(&text, key)? });
    keys.iter().filter_map(part).collect()
}

/// The number of a line such as `VmRSS:   1600 kB`.
fn bytes_of(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let text = "Name:\tcat\nVmRSS:\t    1600 kB\nVmRSSx:\t 7 kB\nThreads:\t1\nVmPTE:\t44\n";
        assert_eq!(bytes_of(text, "VmRSS"), Some(1600 * 1024));
        for key in ["VmRS", "Name", "Threads", "VmPTE", "VmSwap"] {
            assert_eq!(bytes_of(text, key), None, "{key}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory() {
        let grown = vec![1_u8; 32 << 20];
        let sample = sample(Duration::ZERO).unwrap();
        assert!(sample.resident >= sample.anonymous && sample.anonymous >= 32 << 20, "{sample:?}");
        assert_eq!(grown.len(), 32 << 20);
        let parts = parts();
        let keys: Vec<_> = parts.iter().map(|part| part.key).collect();
        assert!(keys.contains(&"VmRSS") && keys.contains(&"RssAnon"), "{keys:?}");
        assert!(parts.iter().all(|part| part.key != "VmRSS" || part.bytes > 1 << 20));
    }
}
