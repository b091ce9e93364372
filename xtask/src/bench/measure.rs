//! What can be measured: one row, and one file, for each measurement.

mod closed;
mod debug;
mod heap;
mod instructions;
mod keys;
mod latency;
mod limits;
mod lone;
mod memory;
mod scrape;
mod size;
mod start;
mod writes;

use super::Result;
use super::bench::Bench;
use super::contender::Group;
use super::results::Results;

/// A measurement, which adds its numbers to the results.
#[derive(Debug)]
pub(crate) struct Measurement {
    /// What `--only` takes.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whom it needs.
    pub(crate) groups: &'static [Group],
    /// Whether only full runs make it, and those that name it.
    pub(crate) is_long: bool,
    pub(crate) run: fn(&Bench, &mut Results) -> Result<()>,
}

/// All of them, in the order of the tables.
pub(crate) const MEASUREMENTS: &[Measurement] = &[
    row("cpu", "CPU per call and calls per second, unary, closed loop", HEADLINE, closed::unary),
    row("parts", "the same without each part of Rootcap", BOTH, closed::parts),
    long(row("lto", "the same with all optimisations across crates", LTO, closed::lto)),
    row("streaming", "CPU per message of server-streaming calls", HEADLINE, closed::streaming),
    row("large", "CPU per call with messages of 1 MiB", HEADLINE, closed::large),
    row("latency", "latencies at a fixed rate, from when calls were due", HEADLINE, latency::run),
    row("lone", "latency of a call that is alone on its connection", BOTH, lone::run),
    row("heap", "heap allocations and bytes per call", HEADLINE, heap::run),
    row("instructions", "user-space instructions per call", HEADLINE, instructions::run),
    row("writes", "socket writes per response", HEADLINE, writes::run),
    row("memory", "resident memory: idle, per connection, after load", MEMORY, memory::run),
    row("limits", "what limits take of a call, and what they are there for", LIMITS, limits::run),
    row("debug", "what the debug pages take of calls, and take themselves", DEBUG, debug::run),
    row("scrape", "a scrape of many methods, and calls meanwhile", SCRAPE, scrape::run),
    row("start", "time from exec to the first answer", HEADLINE, start::run),
    row("size", "size of the stripped binary, number of crates", HEADLINE, size::run),
    long(row("build", "time of a build from nothing", HEADLINE, size::build)),
];

const HEADLINE: &[Group] = &[Group::Headline];
const BOTH: &[Group] = &[Group::Headline, Group::Price];
const MEMORY: &[Group] = &[Group::Headline, Group::Memory];
const SCRAPE: &[Group] = &[Group::Scrape];
const LIMITS: &[Group] = &[Group::Limits, Group::Overload];
const DEBUG: &[Group] = &[Group::Debug];
const LTO: &[Group] = &[Group::Lto];

const fn row(
    name: &'static str,
    about: &'static str,
    groups: &'static [Group],
    run: fn(&Bench, &mut Results) -> Result<()>,
) -> Measurement {
    Measurement { name, about, groups, is_long: false, run }
}

/// Only full runs make it, and those that name it: it builds for minutes.
const fn long(measurement: Measurement) -> Measurement {
    Measurement { is_long: true, ..measurement }
}

/// The measurement of a name.
///
/// # Errors
///
/// When there is none; the text tells those that there are.
pub(crate) fn named(name: &str) -> std::result::Result<&'static Measurement, String> {
    MEASUREMENTS.iter().find(|measurement| measurement.name == name).ok_or_else(|| {
        let names: Vec<_> = MEASUREMENTS.iter().map(|measurement| measurement.name).collect();
        format!("there is no measurement `{name}`; there are {}", names.join(", "))
    })
}
