//! The benchmark: contenders take turns, server and client each on a core of their own.
//!
//! What is compared are ratios within one run on one machine; a time alone says little. A run counts only if every
//! call was answered and, where the contender promises log lines, all lines are accounted for: a server that drops
//! its lines is not fast (see [`verify`]).

mod build;
mod contender;
mod cores;
mod h2load;
mod measure;
mod metrics;
mod plan;
mod report;
mod server;
mod statistics;
mod verify;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

pub(crate) use cores::tools;
pub(crate) use plan::Plan;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How to run the benchmark.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) plan: Plan,
    /// Where to write the results as JSON as well.
    pub(crate) json: Option<PathBuf>,
}

/// Builds the contenders, measures them, and prints the table.
///
/// # Errors
///
/// When a tool is missing, a contender does not build, start or answer, or no run of a case counts.
pub(crate) fn run(options: &Options) -> Result<()> {
    tools()?;
    let contenders = build::all(&[contender::Group::Headline])?;
    let results = measure::all(options.plan, &contenders)?;
    print!("{}", report::table(&results));
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report::json(&results))? + "\n";
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("written to {}", path.display());
    }
    Ok(())
}
