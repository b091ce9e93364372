//! Runs the fuzz targets for a moment, each with a fixed number of inputs from a fixed seed.
//!
//! This is what `cargo fuzz run <target>` does, with a toolchain that is stable and without that program: the flags that
//! make a program tell which code an input has reached are stable, and only sanitizers are not.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{cargo_command, root};

/// Where the targets are.
pub(crate) const MANIFEST: &str = "--manifest-path=fuzz/Cargo.toml";

/// What tells libFuzzer of the code that an input has reached, and of what it was compared with.
const INSTRUMENTED: &[&str] = &[
    "--cfg=fuzzing",
    "-Cdebug-assertions",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// How many inputs a target gets, in which many seconds at most, and how many megabytes it may take for them.
const LIMITS: [&str; 5] =
    ["-seed=1", "-runs=20000", "-max_total_time=10", "-timeout=10", "-rss_limit_mb=1024"];

/// What is missing on this machine to build the targets.
///
/// # Errors
/// When there is no compiler of C++, of which libFuzzer is made.
pub(crate) fn tools() -> Result<(), String> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let found = Command::new(&compiler).arg("--version").stdout(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!("`{compiler}`, a compiler of C++, cannot be run")),
    }
}

/// Builds all targets, and runs one after the other.
///
/// # Errors
/// When one does not build, or finds an input that breaks what it asserts; that is then shown, and kept in a file.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let artifacts = root().join("fuzz/artifacts");
    for (name, program) in build()? {
        println!("fuzzing {name}");
        fuzz(&name, &program, &artifacts.join(&name))?;
    }
    Ok(())
}

/// The targets, by name.
fn build() -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let host = host()?;
    // A target of its own, so that build scripts and macros are not instrumented.
    let output =
        cargo_command(&["build", MANIFEST, "--target", &host, "--message-format=json-render-diagnostics"])
            .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTED.join("\x1f"))
            .stderr(Stdio::inherit())
            .output()?;
    if !output.status.success() {
        return Err("the fuzz targets do not build".into());
    }
    let built = targets(&String::from_utf8_lossy(&output.stdout));
    if built.is_empty() { Err("Cargo built no fuzz target".into()) } else { Ok(built) }
}

/// The machine that this is, as Cargo names it.
fn host() -> Result<String, Box<dyn Error>> {
    let output = cargo_command(&["-vV"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`cargo -vV` does not tell the host")?.to_owned())
}

/// The programs, by name, that Cargo's messages tell of.
fn targets(messages: &str) -> Vec<(String, String)> {
    let target = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let program = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), program.to_owned()))
    };
    let mut targets: Vec<_> = messages.lines().filter_map(target).collect();
    targets.sort();
    targets
}

fn fuzz(name: &str, program: &str, artifacts: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(artifacts)?;
    let mut command = Command::new(program);
    command.args(LIMITS).arg(format!("-artifact_prefix={}/", artifacts.display()));
    // One by one: to a folder, what is found would be added.
    command.arg(format!("-seed_inputs={}", seeds(name)?.join(",")));
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{said}");
        return Err(format!("the fuzz target `{name}` ended with {}", output.status).into());
    }
    println!("{}", said.lines().rev().find(|line| line.starts_with("Done")).unwrap_or_default());
    Ok(())
}

/// The files that a target begins with.
fn seeds(name: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let entries = fs::read_dir(root().join("fuzz/seeds").join(name))
        .map_err(|error| format!("the fuzz target `{name}` has no seeds: {error}"))?;
    let paths = entries.map(|entry| Ok(entry?.path().display().to_string()));
    let mut paths = paths.collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    Ok(paths)
}
