//! What the benchmark needs of the machine: two cores, and some tools.

use std::fs;
use std::process::{Command, Stdio};

use super::Result;

/// The core that each side is pinned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
}

impl Cores {
    /// The first two cores that this process may use. With only one, both sides share it, and a warning says so.
    pub(crate) fn choose() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let cores = allowed(&status).ok_or("/proc/self/status does not tell the allowed cores")?;
        if let [server, client, ..] = cores[..] {
            return Ok(Self { server, client });
        }
        println!("WARNING: there is only one core: server and client take it from each other");
        let only = *cores.first().ok_or("there is no allowed core")?;
        Ok(Self { server: only, client: only })
    }
}

/// Checks that everything is there that the benchmark runs.
///
/// # Errors
///
/// When something is not; the text says what, and where it comes from.
pub(crate) fn tools() -> std::result::Result<(), String> {
    if !cfg!(target_os = "linux") {
        return Err(
            "the benchmark needs Linux: it reads the kernel's accounting in /proc".to_owned()
        );
    }
    let missing: Vec<_> =
        ["h2load", "taskset", "prlimit"].into_iter().filter_map(|name| tool(name).err()).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.join("; ")) }
}

/// What the benchmark runs, and the Debian package that has it.
const TOOLS: [(&str, &str); 6] = [
    ("h2load", "nghttp2-client"),
    ("prlimit", "util-linux"),
    ("strace", "strace"),
    ("strip", "binutils"),
    ("taskset", "util-linux"),
    ("valgrind", "valgrind"),
];

/// Checks that a tool is there.
///
/// # Errors
///
/// When it is not; the text says where it comes from.
pub(crate) fn tool(name: &str) -> std::result::Result<(), String> {
    if starts(name) {
        return Ok(());
    }
    let package = TOOLS.iter().find(|(tool, _)| *tool == name).map_or(name, |(_, package)| package);
    Err(format!("`{name}` is missing (Debian package {package})"))
}

fn starts(tool: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Reads `Cpus_allowed_list`, such as `0-3,8`.
fn allowed(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_cores_are_listed() {
        let allowed = |list: &str| {
            allowed(&format!("Name:\txtask\nCpus_allowed_list:\t{list}\nMems_allowed:\t1\n"))
        };
        assert_eq!(allowed("0-1"), Some(vec![0, 1]));
        assert_eq!(allowed("3"), Some(vec![3]));
        assert_eq!(allowed("0,2-4,8"), Some(vec![0, 2, 3, 4, 8]));
        assert_eq!(allowed("all"), None);
    }
}
