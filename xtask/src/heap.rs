//! What is built with jemalloc, which no other step builds: the tests of heap profiles, the macro's documentation, clippy.

use std::env;
use std::error::Error;
use std::process::{Command, Stdio};

use crate::cargo_command;

/// With the selection of packages that other steps have, so that dependencies are built once.
const JEMALLOC: &str = "--features=rootcap-tests/jemalloc";

/// What is missing on this machine to build jemalloc.
///
/// # Errors
/// When there is no compiler of C, or no make.
pub(crate) fn tools() -> Result<(), String> {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    for program in [&*compiler, "make"] {
        let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(format!("`{program}`, of which jemalloc is built, cannot be run"));
        }
    }
    Ok(())
}

/// Builds and tests it.
///
/// # Errors
/// When something does not build, or a test fails.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let commands: [&[&str]; 3] = [
        &["test", JEMALLOC, "--test=heap"],
        &["test", JEMALLOC, "--doc", "jemalloc"],
        &["clippy", JEMALLOC, "--workspace", "--all-targets", "--", "--deny=warnings"],
    ];
    for arguments in commands {
        let status = cargo_command(arguments).status()?;
        if !status.success() {
            return Err(format!("`cargo {}` ended with {status}", arguments.join(" ")).into());
        }
    }
    Ok(())
}
