//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::bench::{self, Options, Plan};
use crate::codegen::Mode;

/// What `cargo xtask help` prints.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask <task>

Tasks:
  ci                 Runs all that CI checks, and stops at the first step that fails
  codegen [--check]  Writes the generated files that are committed
      --check          Writes nothing; fails if one of them is not up to date
  bench              Compares Rootcap with others, side by side, and writes target/bench
      --quick          Fewer rounds: under half an hour after building
      --smoke          One tiny round: tells whether the benchmark works, and nothing about speed
      --only <names>   These measurements alone, such as `cpu,memory`
      --json <file>    Writes the results to this file
      --compare <file> Also shows what has moved since the results in this file
  bench --draw <file>
                     Writes the tables and pictures of docs/performance.md anew, from results in a file
  fuzz               Runs each fuzz target of `fuzz/` for a moment, always with the same inputs
  heap               Builds jemalloc, and tests heap profiles
  help               Prints this text

Times and ratios are only worth reading from a machine that does nothing else.
";

/// What `cargo xtask help` adds: what `--only` takes.
pub(crate) fn measurements_known() -> String {
    let line = |one: &bench::Measurement| {
        let note = if one.is_long { " (in full runs, or by name)" } else { "" };
        format!("  {:<18} {}{note}\n", one.name, one.about)
    };
    "\nMeasurements:\n".to_owned() + &bench::MEASUREMENTS.iter().map(line).collect::<String>()
}

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Help,
    Ci,
    Codegen(Mode),
    Bench(Options),
    Draw(PathBuf),
    Fuzz,
    /// Tests what is built with jemalloc.
    Heap,
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
///
/// When there is no such task or option; the text names it.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, String> {
    let mut arguments = arguments.into_iter();
    let Some(name) = arguments.next() else {
        return Err("which task?".to_owned());
    };
    let task = match name.to_string_lossy().as_ref() {
        "help" | "--help" | "-h" => Task::Help,
        "ci" => Task::Ci,
        "fuzz" => Task::Fuzz,
        "heap" => Task::Heap,
        "codegen" => return codegen(arguments),
        "bench" => return bench(arguments),
        other => return Err(format!("there is no task `{other}`")),
    };
    arguments.next().map_or(Ok(task), |more| Err(unknown(&more)))
}

fn codegen(arguments: impl Iterator<Item = OsString>) -> Result<Task, String> {
    let mut mode = Mode::Write;
    for argument in arguments {
        match argument.to_str() {
            Some("--check") => mode = Mode::Check,
            Some("--help" | "-h") => return Ok(Task::Help),
            _ => return Err(unknown(&argument)),
        }
    }
    Ok(Task::Codegen(mode))
}

fn bench(mut arguments: impl Iterator<Item = OsString>) -> Result<Task, String> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut file = |option: &str| {
            arguments.next().map(PathBuf::from).ok_or_else(|| format!("`{option}` needs a file"))
        };
        match argument.to_str() {
            Some("--quick") => choose(&mut options, Plan::Quick)?,
            Some("--smoke") => choose(&mut options, Plan::Smoke)?,
            Some("--json") => options.json = Some(file("--json")?),
            Some("--compare") => options.compare = Some(file("--compare")?),
            Some("--only") => options.only = measurements(arguments.next())?,
            Some("--draw") if options == Options::default() => {
                let path = file("--draw")?;
                return arguments.next().map_or(Ok(Task::Draw(path)), |more| Err(unknown(&more)));
            }
            Some("--help" | "-h") => return Ok(Task::Help),
            _ => return Err(unknown(&argument)),
        }
    }
    Ok(Task::Bench(options))
}

fn choose(options: &mut Options, plan: Plan) -> Result<(), String> {
    if options.plan != Plan::Full && options.plan != plan {
        return Err("`--quick` and `--smoke` exclude each other".to_owned());
    }
    options.plan = plan;
    Ok(())
}

fn measurements(names: Option<OsString>) -> Result<Vec<&'static str>, String> {
    let names = names.ok_or("`--only` needs names of measurements, separated by commas")?;
    names.to_string_lossy().split(',').map(|name| Ok(bench::named(name)?.name)).collect()
}

fn unknown(argument: &OsString) -> String {
    format!("unexpected argument `{}`", argument.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn tasks_and_options_are_known() {
        let bench = |options| Ok(Task::Bench(options));
        let file = || Some(PathBuf::from("a.json"));
        assert_eq!(parsed("ci"), Ok(Task::Ci));
        assert_eq!(parsed("fuzz"), Ok(Task::Fuzz));
        assert_eq!(parsed("heap"), Ok(Task::Heap));
        assert_eq!(parsed("codegen"), Ok(Task::Codegen(Mode::Write)));
        assert_eq!(parsed("codegen --check"), Ok(Task::Codegen(Mode::Check)));
        let (quick, smoke) = (Plan::Quick, Plan::Smoke);
        assert_eq!(parsed("bench"), bench(Options::default()));
        assert_eq!(
            parsed("bench --quick --json a.json"),
            bench(Options { plan: quick, json: file(), ..Options::default() })
        );
        assert_eq!(
            parsed("bench --compare a.json --smoke --only cpu,memory"),
            bench(Options {
                plan: smoke,
                compare: file(),
                only: vec!["cpu", "memory"],
                ..Options::default()
            })
        );
        assert_eq!(parsed("bench --draw a.json"), Ok(Task::Draw(PathBuf::from("a.json"))));
        for help in ["help", "--help", "-h", "bench --help", "codegen -h"] {
            assert_eq!(parsed(help), Ok(Task::Help), "{help}");
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (line, named) in [
            ("", "which task"),
            ("cy", "`cy`"),
            ("ci --fast", "`--fast`"),
            ("fuzz call", "`call`"),
            ("codegen --chekc", "`--chekc`"),
            ("bench --quickly", "`--quickly`"),
            ("bench --json", "--json"),
            ("bench --quick --smoke", "exclude"),
            ("bench --only", "--only"),
            ("bench --only cpu,speed", "`speed`; there are cpu,"),
            ("bench --compare", "--compare"),
            ("bench --draw", "--draw"),
            ("bench --draw a.json --quick", "--quick"),
            ("bench --quick --draw a.json", "--draw"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
