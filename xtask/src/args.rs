//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::bench::{Options, Plan};
use crate::codegen::Mode;

/// What `cargo xtask help` prints.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask <task>

Tasks:
  ci                 Runs all that CI checks, and stops at the first step that fails
  codegen [--check]  Writes the generated files that are committed
      --check          Writes nothing; fails if one of them is not up to date
  bench              Compares the greeter with a bare tonic server, side by side
      --quick          Fewer rounds: under two minutes after building
      --smoke          One tiny round: tells whether the benchmark works, and nothing about speed
      --json <file>    Also writes the results to a file
  fuzz               Runs each fuzz target of `fuzz/` for a moment, always with the same inputs
  help               Prints this text

Times and ratios are only worth reading from a machine that does nothing else.
";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Help,
    Ci,
    Codegen(Mode),
    Bench(Options),
    Fuzz,
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
    let mut plan = None;
    let mut json = None;
    while let Some(argument) = arguments.next() {
        let chosen = match argument.to_str() {
            Some("--quick") => Plan::Quick,
            Some("--smoke") => Plan::Smoke,
            Some("--json") => {
                json = Some(arguments.next().map(PathBuf::from).ok_or("`--json` needs a file")?);
                continue;
            }
            Some("--help" | "-h") => return Ok(Task::Help),
            _ => return Err(unknown(&argument)),
        };
        if plan.replace(chosen).is_some_and(|earlier| earlier != chosen) {
            return Err("`--quick` and `--smoke` exclude each other".to_owned());
        }
    }
    Ok(Task::Bench(Options { plan: plan.unwrap_or(Plan::Full), json }))
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
        let bench = |plan, json: Option<&str>| {
            Ok(Task::Bench(Options { plan, json: json.map(PathBuf::from) }))
        };
        assert_eq!(parsed("ci"), Ok(Task::Ci));
        assert_eq!(parsed("fuzz"), Ok(Task::Fuzz));
        assert_eq!(parsed("codegen"), Ok(Task::Codegen(Mode::Write)));
        assert_eq!(parsed("codegen --check"), Ok(Task::Codegen(Mode::Check)));
        assert_eq!(parsed("bench"), bench(Plan::Full, None));
        assert_eq!(parsed("bench --quick --json out.json"), bench(Plan::Quick, Some("out.json")));
        assert_eq!(parsed("bench --smoke"), bench(Plan::Smoke, None));
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
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
