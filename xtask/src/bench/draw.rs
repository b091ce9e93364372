//! The pictures, and the page that shows them: everything in `docs/performance.md` that a run has found out.

mod bars;

use std::fs;
use std::path::Path;

use self::bars::{Bar, Group};
use super::Result;
use super::report;
use super::results::{Number, Results};
use crate::root;

/// A file, its title, and the numbers that it shows: what they are of, and their names.
type Picture = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const CPU: &str = "CPU us/call";
const RATE: &str = "calls/s";
const LATENCY: &str = "latency, 5000 calls/s on 10 connections";
const HELD: &str = "resident memory of each of 5000 idle connections";

const PICTURES: &[Picture] = &[
    (
        "cpu",
        "Processor time of the server for a unary call, in microseconds",
        &[("unary, 1x1", CPU), ("unary, 10x10", CPU), ("unary, 50x100", CPU)],
    ),
    (
        "rate",
        "Unary calls per second of a server with one core",
        &[("unary, 1x1", RATE), ("unary, 10x10", RATE), ("unary, 50x100", RATE)],
    ),
    (
        "latency",
        "Latency at 5,000 calls per second, in microseconds from when a call was due",
        &[(LATENCY, "p50 us"), (LATENCY, "p90 us"), (LATENCY, "p99 us")],
    ),
    (
        "parts",
        "What each part costs: processor time for a unary call, in microseconds",
        &[("unary, 10x10, without parts", CPU)],
    ),
    (
        "memory",
        "Resident memory for each of 5,000 idle connections, in KiB",
        &[(HELD, "before its first call KiB"), (HELD, "after its first call KiB")],
    ),
];

/// Where the generated part of the page begins and ends.
const MARKS: [&str; 2] = [
    "<!-- What follows is written by `cargo xtask bench --draw`. -->\n",
    "<!-- Written by `cargo xtask bench --draw` to here. -->\n",
];

/// Draws all pictures of numbers that the results have, and tells how many those are.
pub(crate) fn pictures(results: &Results, directory: &Path) -> Result<usize> {
    let mut drawn = 0;
    for (file, title, numbers) in PICTURES {
        let numbers: Vec<_> =
            numbers.iter().filter_map(|(of, name)| results.number(of, name)).collect();
        if numbers.is_empty() {
            continue;
        }
        let groups: Vec<_> = numbers.into_iter().map(group).collect();
        bars::draw(&directory.join(format!("{file}.svg")), title, &groups)?;
        drawn += 1;
    }
    Ok(drawn)
}

fn group(number: &Number) -> Group {
    let bar = |reached: &super::results::Reached| Bar {
        label: reached.contender.clone(),
        value: reached.value,
        is_ours: reached.contender == "rootcap",
    };
    let title = format!("{}: {}", number.of, number.name);
    Group { title, bars: number.contenders.iter().map(bar).collect() }
}

/// Writes the pictures and tables of the page anew, from the results of a run.
///
/// # Errors
///
/// When the results cannot be read, or the page has lost the marks of its generated part.
pub(crate) fn publish(path: &Path) -> Result<()> {
    let results = Results::read(path)?;
    let directory = root().join("docs/performance");
    fs::create_dir_all(&directory)?;
    let drawn = pictures(&results, &directory)?;
    let page = root().join("docs/performance.md");
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let text = replaced(&text, &generated(&results))
        .ok_or_else(|| format!("{} lacks the lines {MARKS:?}", page.display()))?;
    fs::write(&page, text)?;
    println!("{} and {drawn} pictures in {}", page.display(), directory.display());
    Ok(())
}

fn generated(results: &Results) -> String {
    let fact = |(name, value): &(String, String)| format!("- {name}: {value}\n");
    let facts: String = results.machine.iter().map(fact).collect();
    format!("\nA {} run.\n\n{facts}{}\n", results.plan, report::tables(results))
}

/// The text with another generated part.
fn replaced(text: &str, part: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some([before, MARKS[0], part, MARKS[1], after].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::bench::directory::Directory;
    use crate::bench::results::tests::results;

    #[test]
    fn a_picture_is_drawn_of_what_there_is() {
        let directory = Directory::new().unwrap();
        let mut results = results(0.5);
        results.numbers[0].of = "unary, 10x10".to_owned();
        assert_eq!(pictures(&results, directory.path()).unwrap(), 1);
        let svg = fs::read_to_string(directory.path().join("cpu.svg")).unwrap();
        for shown in ["<svg", "Processor time", "unary, 10x10", "rootcap", "6.00", "12.0"] {
            assert!(svg.contains(shown), "{shown}: {svg}");
        }
    }

    #[test]
    fn only_the_generated_part_of_a_page_changes() {
        let page = |part: &str| format!("# Title\n{}{part}{}the rest\n", MARKS[0], MARKS[1]);
        assert_eq!(replaced(&page("old\n"), "new\n"), Some(page("new\n")));
        assert_eq!(replaced("# Title\n", "new\n"), None);
    }
}
