//! The threads of this process, and where each of them is.

use std::{collections::HashMap, fs, io, time::Duration};

use super::{
    marks,
    profile::{MappedFile, Stack, names},
    sampling,
};

/// The most threads that are shown.
const SHOWN: usize = 1024;
/// The most functions of a stack that are shown: the innermost.
const DEEPEST: usize = 128;

/// One thread.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    pub(crate) number: u32,
    pub(crate) name: String,
    /// What the kernel says that it does.
    pub(crate) state: String,
    /// How long it has used the CPU, where the kernel says so.
    pub(crate) cpu: Option<Duration>,
    /// Which call it polls.
    pub(crate) doing: marks::Doing,
    /// Innermost first; `None` where it has not answered.
    pub(crate) stack: Option<Vec<Frame>>,
}

/// One function of a stack.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Frame {
    pub(crate) function: String,
    /// The source and its line, where the executable tells.
    pub(crate) source: String,
}

/// All threads, or as many as are shown, and how many there are.
///
/// # Errors
/// When the system does not say which there are, or does not let them be asked.
pub(crate) fn all() -> io::Result<(Vec<Thread>, usize)> {
    let numbers: Vec<u32> = sampling::threads()?.into_iter().collect();
    let shown = &numbers[..numbers.len().min(SHOWN)];
    // Before they are interrupted: a thread that answers runs.
    let mut threads: Vec<_> = shown.iter().map(|number| thread(*number)).collect();
    let stacks = sampling::stacks(shown)?;
    let mut frames = frames(&stacks)?;
    for thread in &mut threads {
        thread.stack = frames.remove(&thread.number);
    }
    Ok((threads, numbers.len()))
}

fn thread(number: u32) -> Thread {
    let read = |file| fs::read_to_string(format!("/proc/self/task/{number}/{file}"));
    let stat = read("stat").unwrap_or_default();
    // Nanoseconds are its first word.
    let cpu = read("schedstat").ok();
    let cpu = cpu.and_then(|text| text.split(' ').next()?.parse().ok()).map(Duration::from_nanos);
    let (name, state) = (sampling::name(number), state(&stat));
    Thread { number, name, state: state.to_owned(), cpu, doing: marks::of(number), stack: None }
}

/// The state of a thread, from `/proc/self/task/<number>/stat`, in which a name may have spaces and parentheses.
fn state(stat: &str) -> &'static str {
    let letter = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    match letter {
        Some('R') => "running",
        Some('S') => "sleeping",
        Some('D') => "waiting in the kernel",
        Some('T' | 't') => "stopped",
        Some('I') => "idle",
        Some('Z' | 'X') => "ended",
        _ => "unknown",
    }
}

/// The functions of stacks, by whatever tells them apart.
///
/// # Errors
/// When the system does not say what is mapped.
pub(crate) fn frames<K: Copy + Eq + std::hash::Hash>(
    stacks: &HashMap<K, Stack>,
) -> io::Result<HashMap<K, Vec<Frame>>> {
    let innermost = |stack: &Stack| stack.addresses.iter().copied().take(DEEPEST).collect();
    let stacks: HashMap<K, Vec<u64>> = stacks.iter().map(|(of, it)| (*of, innermost(it))).collect();
    let (files, places) = sampling::places(stacks.values().map(Vec::as_slice))?;
    let frames = |address: &u64| of(*address, places.get(address), &files);
    let frames = |stack: &Vec<u64>| stack.iter().flat_map(frames).collect();
    Ok(stacks.iter().map(|(of, stack)| (*of, frames(stack))).collect())
}

fn of(address: u64, place: Option<&super::profile::Place>, files: &[MappedFile]) -> Vec<Frame> {
    let functions = place.map(|place| place.functions.as_slice()).unwrap_or_default();
    let mut sources = functions.iter().map(|it| match it.file.as_str() {
        "" => String::new(),
        file => format!("{file}:{}", it.line),
    });
    let frame = |function| Frame { function, source: sources.next().unwrap_or_default() };
    names(address, place, files).into_iter().map(frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_hide_the_state() {
        assert_eq!(state("17 (a) R (b) S 1 17 17"), "sleeping");
        assert_eq!(state("17 (worker) R 1"), "running");
        assert_eq!(state(""), "unknown");
    }
}
