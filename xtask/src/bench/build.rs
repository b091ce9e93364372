//! Builds the contenders, in the default release profile.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Result;
use super::contender::{CONTENDERS, Contender};
use crate::binaries::binaries;
use crate::root;

/// A contender that can be started.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) contender: &'static Contender,
    pub(crate) binary: PathBuf,
    /// The variant that counts its heap allocations.
    pub(crate) counting: PathBuf,
}

/// Builds all contenders. Each alone: in one build, the features that one contender asks of tonic, hyper or tokio would
/// be switched on for all.
pub(crate) fn all() -> Result<Vec<Built>> {
    CONTENDERS.iter().map(build).collect()
}

fn build(contender: &'static Contender) -> Result<Built> {
    println!("building {}", contender.name);
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "build",
        "--release",
        "--message-format=json-render-diagnostics",
        "--package",
        contender.package,
    ]);
    command.arg("--manifest-path").arg(root().join("xtask/bench/Cargo.toml"));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} does not build", contender.name).into());
    }
    let mut binaries = binaries(&String::from_utf8_lossy(&output.stdout));
    let mut take =
        |name: &str| binaries.remove(name).ok_or_else(|| format!("Cargo built no binary `{name}`"));
    let (binary, counting) =
        (take(contender.binary)?, take(&format!("{}-counting", contender.binary))?);
    Ok(Built { contender, binary, counting })
}
