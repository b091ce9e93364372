//! The version of the commit a server was built from, for a build script.
//!
//! Add this crate to `[build-dependencies]` and call [`emit`] from `build.rs`:
//!
//! ```no_run
//! fn main() {
//!     rootcap_build::emit();
//! }
//! ```
//!
//! `rootcap::build_info!()`, in the package that the build script belongs to, then reads what was found:
//!
//! | variable | value | without it |
//! |---|---|---|
//! | `BUILD_INFO_ROOTCAP_VERSION` | `<major>.<minor>.<commit count>-<short sha>-<date>.<time>` | count `0`, sha `unknown` |
//! | `BUILD_INFO_ROOTCAP_RUSTC` | what `rustc --version` prints | `unknown` |
//! | `BUILD_INFO_ROOTCAP_TARGET` | the target triple | `unknown` |
//! | `BUILD_INFO_ROOTCAP_PROFILE` | `release` or `debug`: which of the two the profile inherits from | `unknown` |
//!
//! Major and minor are those of the package; date and time are those of the commit, in UTC, as `YYYYMMDD.HHMMSS`.
//!
//! # Reproducible builds
//!
//! Nothing depends on the clock, on the machine or on the user, so that building one commit twice gives one version.
//! [`SOURCE_DATE_EPOCH`](https://reproducible-builds.org/specs/source-date-epoch/), where it is set, is the time used.
//! Without it, and without git or a repository, the time is `19700101.000000`.
//! A shallow clone does not know how many commits there are: the count is then of those that were fetched, and a
//! warning says so.

#![forbid(unsafe_code)]
#![allow(clippy::needless_doctest_main, reason = "the example is the whole of a build script")]

mod git;
mod source;
mod version;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::Source;
use version::Version;

/// Emits the `BUILD_INFO_ROOTCAP_*` variables, and the files and variables on which they depend, for Cargo to read.
///
/// The script runs again when another commit is checked out or made, and when `SOURCE_DATE_EPOCH` changes. As with
/// every build script that names its inputs, changes of other files no longer start it: print a
/// `cargo::rerun-if-changed` line for each input of your own.
///
/// # Panics
///
/// When `SOURCE_DATE_EPOCH` is set to something that is no number of seconds since 1970, up to the year 9999: as its
/// specification asks, such a build fails instead of carrying a time that nobody meant.
pub fn emit() {
    let package =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let epoch = env::var_os("SOURCE_DATE_EPOCH").map(|value| value.to_string_lossy().into_owned());
    let source = Source::of(&package);
    match directives(&source, epoch.as_deref(), |name| env::var(name).ok()) {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(problem) => panic!("{problem}"),
    }
}

/// The lines for Cargo: warnings, what to watch, and the variables.
fn directives(
    source: &Source,
    epoch: Option<&str>,
    cargo: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, String> {
    let text = |name: &str| cargo(name).unwrap_or_else(|| "unknown".to_owned());
    let number = |name: &str| cargo(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let version = Version {
        major: number("CARGO_PKG_VERSION_MAJOR"),
        minor: number("CARGO_PKG_VERSION_MINOR"),
        commits: source.commits,
        sha: &source.sha,
        seconds: version::time(epoch, source.seconds)?,
    };
    let rustc = cargo("RUSTC").and_then(|rustc| rustc_version(Path::new(&rustc)));

    // Naming one input, if only a variable, ends Cargo's habit of watching the whole package. The script itself needs
    // no line, and must have none: its file may have any name, and Cargo takes a missing one for changed, each time.
    let mut lines = vec!["cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH".to_owned()];
    lines.extend(
        source.watch.iter().map(|path| format!("cargo::rerun-if-changed={}", path.display())),
    );
    lines.extend(source.warnings.iter().map(|warning| format!("cargo::warning={warning}")));
    for (name, value) in [
        ("VERSION", version.to_string()),
        ("RUSTC", rustc.unwrap_or_else(|| "unknown".to_owned())),
        ("TARGET", text("TARGET")),
        ("PROFILE", text("PROFILE")),
    ] {
        // Not `ROOTCAP_...`: `cargo run` passes these on, and the server's settings would take them for their own.
        lines.push(format!("cargo::rustc-env=BUILD_INFO_ROOTCAP_{name}={value}"));
    }
    Ok(lines)
}

/// The first line that `rustc --version` prints.
fn rustc_version(rustc: &Path) -> Option<String> {
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests;
