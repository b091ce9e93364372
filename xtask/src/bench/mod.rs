//! The benchmark: contenders take turns, server and client each on a core of their own.
//!
//! What is compared are ratios within one run on one machine; a time alone says little. A run counts only if every
//! call was answered and, where the contender promises log lines, all lines are accounted for: a server that drops
//! its lines is not fast (see [`verify`]).

mod accounting;
#[expect(clippy::module_inception, reason = "what a benchmark needs is named as it is")]
mod bench;
mod build;
mod callgrind;
mod case;
mod client;
mod compare;
mod contender;
mod cores;
mod directory;
mod draw;
mod environment;
mod goals;
mod h2load;
mod limits;
mod lines;
mod machine;
mod measure;
mod metrics;
mod plan;
mod report;
mod results;
mod server;
mod statistics;
mod verify;

use std::error::Error;
use std::path::{Path, PathBuf};

use bench::Bench;
use contender::CONTENDERS;
pub(crate) use cores::tools;
pub(crate) use draw::publish;
pub(crate) use measure::{MEASUREMENTS, Measurement, named};
pub(crate) use plan::Plan;
use results::Results;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How to run the benchmark.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) plan: Plan,
    /// Names of measurements; all that the plan has if there are none.
    pub(crate) only: Vec<&'static str>,
    /// Where to write the results as JSON as well.
    pub(crate) json: Option<PathBuf>,
    /// The JSON of an earlier run, to compare with.
    pub(crate) compare: Option<PathBuf>,
    /// Everything that has a limit has to be measured.
    pub(crate) is_ci: bool,
}

/// Builds the contenders, measures them, and shows the tables; writes the JSON and draws the pictures.
///
/// # Errors
///
/// When a tool is missing, a contender does not build, a measurement gives no number, or one is over its limit.
pub(crate) fn run(options: &Options) -> Result<()> {
    tools()?;
    // Before anything that takes long: a file that cannot be read would else be found at the end.
    let earlier = options.compare.as_deref().map(Results::read).transpose()?;
    let results = measured(options)?;
    print!("{}", report::tables(&results));
    if let Some(earlier) = &earlier {
        print!("{}", compare::table(earlier, &results));
    }
    write(&results, options.json.as_deref())?;
    let broken = limits::broken(&results, options.is_ci);
    match results.failed.len() {
        0 if broken.is_empty() => Ok(()),
        0 => Err(broken.join("; ").into()),
        count => Err(format!("{count} of the measurements failed").into()),
    }
}

fn measured(options: &Options) -> Result<Results> {
    let measurements: Vec<_> =
        MEASUREMENTS.iter().filter(|measurement| wanted(options, measurement)).collect();
    let groups: Vec<_> =
        measurements.iter().flat_map(|measurement| measurement.groups).copied().collect();
    let bench = Bench::new(options.plan, build::all(&groups)?, build::client()?)?;
    let mut results = Results::new(options.plan.name(), machine::facts(bench.cores));
    for contender in CONTENDERS.iter().filter(|contender| groups.contains(&contender.group)) {
        if !bench.contenders.iter().any(|built| built.contender == contender) {
            let reason = "it could not be built here; the reason stands above";
            results.not_measured(format!("{}: {reason}", contender.name));
        }
    }
    for built in &bench.contenders {
        println!("looking at the log lines of {}", built.contender.name);
        lines::check(&bench, built)
            .map_err(|error| format!("the output of {}: {error}", built.contender.name))?;
    }
    for measurement in measurements {
        if let Err(error) = (measurement.run)(&bench, &mut results) {
            // What others have measured, or will, is no less true.
            println!("  FAILED: {error}");
            results.failed.push(format!("{}: {error}", measurement.name));
        }
    }
    Ok(results)
}

fn wanted(options: &Options, measurement: &Measurement) -> bool {
    if options.only.is_empty() {
        return options.plan == Plan::Full || !measurement.is_long;
    }
    options.only.contains(&measurement.name)
}

/// Writes the JSON, and the pictures beside it.
fn write(results: &Results, json: Option<&Path>) -> Result<()> {
    let directory = crate::root().join("target/bench");
    std::fs::create_dir_all(&directory)?;
    let path = json.map_or_else(|| directory.join("results.json"), Path::to_owned);
    results.write(&path)?;
    let pictures = draw::pictures(results, &directory)?;
    println!("\nwritten to {}; {pictures} pictures in {}", path.display(), directory.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_by(plan: Plan, only: Vec<&'static str>) -> Vec<&'static str> {
        let options = Options { plan, only, ..Options::default() };
        let chosen = MEASUREMENTS.iter().filter(|measurement| wanted(&options, measurement));
        chosen.map(|measurement| measurement.name).collect()
    }

    #[test]
    fn what_takes_long_is_left_to_full_runs_and_to_who_names_it() {
        let all = wanted_by(Plan::Full, Vec::new());
        assert_eq!(all.len(), MEASUREMENTS.len());
        let quick = wanted_by(Plan::Quick, Vec::new());
        assert!(quick.contains(&"cpu") && !quick.contains(&"build"), "{quick:?}");
        assert_eq!(wanted_by(Plan::Smoke, vec!["build", "cpu"]), ["cpu", "build"]);
    }
}
