//! Builds the contenders.

mod go;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;

use super::Result;
use super::contender::{CONTENDERS, Contender, Group, Source};
use crate::binaries::binaries;
use crate::{cargo_command, root};

/// A contender that can be started.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) contender: &'static Contender,
    pub(crate) binary: PathBuf,
    /// The variant that counts its heap allocations.
    pub(crate) counting: Option<PathBuf>,
}

impl Built {
    /// The log lines that it promises for a call.
    pub(crate) fn lines_per_call(&self) -> u64 {
        self.contender.accounts.map_or(0, |accounts| accounts.lines.len() as u64)
    }
}

/// The binaries of one source, by name.
type Binaries = BTreeMap<String, PathBuf>;

/// Builds the contenders of these groups, in the order of the table. Those that cannot be built on this machine, for
/// want of what they are built with, are left out.
pub(crate) fn all(groups: &[Group]) -> Result<Vec<Built>> {
    let wanted: Vec<_> =
        CONTENDERS.iter().filter(|contender| groups.contains(&contender.group)).collect();
    let mut sources = BTreeMap::new();
    for contender in &wanted {
        let names: &mut BTreeSet<_> = sources.entry(contender.source).or_default();
        names.extend([contender.binary].into_iter().chain(contender.counting));
    }
    let built: BTreeMap<_, _> = sources
        .into_iter()
        .map(|(source, names)| Ok((source, build(source, &names)?)))
        .collect::<Result<_>>()?;
    let find = |contender: &'static Contender| {
        let binaries = built[&contender.source].as_ref()?;
        Some(find(contender, binaries))
    };
    wanted.into_iter().filter_map(find).collect()
}

/// Builds the benchmark's own client.
pub(crate) fn client() -> Result<PathBuf> {
    let name = "client";
    let mut built = cargo(name, "release", &BTreeSet::from([name]))?;
    built.remove(name).ok_or_else(|| "no client was built".into())
}

fn find(contender: &'static Contender, binaries: &Binaries) -> Result<Built> {
    let find = |name: &str| {
        binaries.get(name).cloned().ok_or_else(|| format!("no binary `{name}` was built"))
    };
    let counting = contender.counting.map(find).transpose()?;
    Ok(Built { contender, binary: find(contender.binary)?, counting })
}

/// `None` after a word about what is missing.
fn build(source: Source, names: &BTreeSet<&str>) -> Result<Option<Binaries>> {
    match source {
        Source::Cargo { package, profile } => cargo(package, profile, names).map(Some),
        Source::Go => go::build(),
    }
}

/// Builds binaries of a package. Each package alone: in one build, the features that one contender asks of tonic, hyper
/// or tokio would be switched on for all.
fn cargo(package: &str, profile: &str, names: &BTreeSet<&str>) -> Result<Binaries> {
    println!("building {package} in the profile {profile}");
    let mut command = cargo_command(&["build", "--message-format=json-render-diagnostics"]);
    command.args(["--package", package, "--profile", profile]);
    command.args(names.iter().flat_map(|name| ["--bin", name]));
    command.arg("--manifest-path").arg(root().join("xtask/bench/Cargo.toml"));
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{package} does not build").into());
    }
    Ok(binaries(&String::from_utf8_lossy(&output.stdout)))
}
