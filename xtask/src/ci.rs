//! All that CI checks, step by step.

use std::env;
use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{bench, cargo_command, codegen, fuzz, heap};

type Check = fn() -> Result<(), Box<dyn Error>>;

/// The steps; each runs only if those before it passed.
const STEPS: &[(&str, Check)] = &[
    // The README's test command. It covers the default members, their doctests and examples included.
    ("test", || cargo(&["test"])),
    ("test the tasks", || cargo(&["test", "--package", "xtask"])),
    ("test the benchmark's client", || cargo(&["test", BENCH, "--package", "client"])),
    ("format", || cargo(&["fmt", "--all", "--check"])),
    ("format of the fuzz targets", || cargo(&["fmt", "--check", fuzz::MANIFEST])),
    ("format of the benchmark", || cargo(&["fmt", "--all", "--check", BENCH])),
    ("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"])),
    // With the profile of the smoke below, which then needs not build the same macros again.
    ("clippy of the benchmark", || {
        cargo(&["clippy", "--release", "--workspace", BENCH, "--", "--deny=warnings"])
    }),
    ("docs", docs),
    // With the selection of the test command, which has built them.
    ("examples", || cargo(&["build", "--examples"])),
    ("generated files", || codegen::run(codegen::Mode::Check)),
    ("fuzz targets", || with(fuzz::tools(), fuzz::run)),
    ("benchmark", || with(bench::tools(), benchmark)),
    (HEAP, || with(heap::tools(), heap::run)),
];

/// Builds jemalloc, which takes minutes: left out where all before took so long that CI would not end in its half hour.
const HEAP: &str = "heap profiles";
const TIME_FOR_HEAP: Duration = Duration::from_secs(1200);

const BENCH: &str = "--manifest-path=xtask/bench/Cargo.toml";

/// Runs the steps.
///
/// # Errors
///
/// When a step fails; the text names it.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let all = Instant::now();
    for (index, (name, check)) in STEPS.iter().enumerate() {
        println!("\n== {}/{}: {name}", index + 1, STEPS.len());
        let start = Instant::now();
        if *name == HEAP && all.elapsed() > TIME_FOR_HEAP {
            println!("SKIPPED: there is no time left for it; `cargo xtask heap` runs it alone");
            continue;
        }
        let result = check();
        println!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
        result.map_err(|error| format!("the step `{name}` failed: {error}"))?;
    }
    println!("\nall steps passed in {:.1} s", all.elapsed().as_secs_f64());
    Ok(())
}

fn docs() -> Result<(), Box<dyn Error>> {
    finish(
        cargo_command(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny=warnings"),
    )
}

/// Runs a check that needs tools. A machine of our own may lack them; one of CI may not.
fn with(tools: Result<(), String>, check: Check) -> Result<(), Box<dyn Error>> {
    match tools {
        Err(missing) if !is_ci() => {
            println!("SKIPPED: {missing}");
            Ok(())
        }
        Err(missing) => Err(missing.into()),
        Ok(()) => check(),
    }
}

fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// The benchmark's smoke.
fn benchmark() -> Result<(), Box<dyn Error>> {
    bench::run(&bench::Options { plan: bench::Plan::Smoke, is_ci: is_ci(), ..Default::default() })
}

fn cargo(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    finish(&mut cargo_command(arguments))
}

fn finish(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("`cargo` ended with {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_an_error() {
        assert!(cargo(&["--version"]).is_ok());
        assert!(cargo(&["no-such-command"]).is_err());
    }
}
