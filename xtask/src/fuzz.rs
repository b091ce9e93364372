//! Runs the fuzz targets for a moment, each with a fixed number of inputs from a fixed seed.
//!
//! This is what `cargo fuzz run <target>` does, with a toolchain that is stable and without that program: the flags that
//! make a program tell which code an input has reached are stable, and only sanitizers are not.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries::binaries;
use crate::{cargo_command, root};

/// Where the targets are.
pub(crate) const MANIFEST: &str = "--manifest-path=fuzz/Cargo.toml";

/// No warnings; and what cargo-fuzz says, too, so that libFuzzer is told of the code that an input has reached, and of
/// what it was compared with.
const INSTRUMENTED: &[&str] = &[
    "--cfg=fuzzing",
    "-Dwarnings",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// How many inputs a target gets, in which many seconds at most, and how many megabytes it may take for them.
const LIMITS: [&str; 5] =
    ["-seed=1", "-runs=10000", "-max_total_time=5", "-timeout=10", "-rss_limit_mb=1024"];

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
fn build() -> Result<BTreeMap<String, PathBuf>, Box<dyn Error>> {
    let host = host()?;
    // A target of its own, so that build scripts and macros are not instrumented.
    let output = cargo_command(&[
        "build",
        MANIFEST,
        "--target",
        &host,
        "--message-format=json-render-diagnostics",
    ])
    .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTED.join("\x1f"))
    .stderr(Stdio::inherit())
    .output()?;
    if !output.status.success() {
        return Err("the fuzz targets do not build".into());
    }
    let built = binaries(&String::from_utf8_lossy(&output.stdout));
    if built.is_empty() { Err("Cargo built no fuzz target".into()) } else { Ok(built) }
}

/// The machine that this is, as Cargo names it.
fn host() -> Result<String, Box<dyn Error>> {
    let output = cargo_command(&["-vV"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("`cargo -vV` does not tell the host")?.to_owned())
}

fn fuzz(name: &str, program: &Path, artifacts: &Path) -> Result<(), Box<dyn Error>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_declared_and_has_seeds() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("a manifest");
        let entries = fs::read_dir(root().join("fuzz/fuzz_targets")).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let sources: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
        assert!(!sources.is_empty());
        for source in sources {
            let name = source.file_stem().expect("a name").to_string_lossy().into_owned();
            assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
            assert!(seeds(&name).is_ok_and(|seeds| !seeds.is_empty()), "{name}");
        }
    }
}
