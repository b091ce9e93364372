//! On what the numbers are taken.

use std::fs;
use std::process::Command;
use std::thread;

use super::client::said;
use super::cores::Cores;

/// Names and values. What cannot be found out is `unknown`: it is no reason not to measure.
pub(crate) fn facts(cores: Cores) -> Vec<(String, String)> {
    let unknown = || "unknown".to_owned();
    let read = |path| fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
    let processor = read("/proc/cpuinfo").as_deref().and_then(processor).map(str::to_owned);
    let count =
        thread::available_parallelism().map_or_else(|_| unknown(), |count| count.to_string());
    let version = |program| said(Command::new(program).arg("--version")).ok();
    let facts = [
        ("commit", commit()),
        ("processor", processor),
        ("cores", Some(format!("{count}; server on {}, client on {}", cores.server, cores.client))),
        ("load of the minute before", read("/proc/loadavg").as_deref().and_then(load)),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("compiler", version("rustc")),
        ("closed-loop client", version("h2load")),
    ];
    facts.map(|(name, value)| (name.to_owned(), value.unwrap_or_else(unknown))).to_vec()
}

/// What is measured, and whether it is just what was committed.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    said(git.args(["describe", "--always", "--dirty"]).current_dir(crate::root())).ok()
}

/// Reads how many threads ran or were about to: with more than none, numbers are to be read with care.
fn load(averages: &str) -> Option<String> {
    averages.split_whitespace().next().map(str::to_owned)
}

/// Reads the first core's name.
fn processor(info: &str) -> Option<&str> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let info = "processor\t: 0\nmodel name\t: A Fast One @ 3 GHz\nprocessor\t: 1\n";
        assert_eq!(processor(info), Some("A Fast One @ 3 GHz"));
        assert_eq!(processor(""), None);
        assert_eq!(load("0.25 0.5 1.0 1/200 77").as_deref(), Some("0.25"));
    }
}
