//! Builds the contenders in Go, of what Debian packages: nothing is downloaded.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Binaries;
use crate::bench::Result;
use crate::root;

/// Where Debian has the sources of Go packages: the second place that is searched, after our own.
const PACKAGES: &str = "/usr/share/gocode";
/// What is imported, and the Debian package that has it.
const IMPORTS: [(&str, &str); 5] = [
    ("google.golang.org/grpc", "golang-google-grpc-dev"),
    (
        "github.com/grpc-ecosystem/go-grpc-middleware",
        "golang-github-grpc-ecosystem-go-grpc-middleware-dev",
    ),
    (
        "github.com/grpc-ecosystem/go-grpc-prometheus",
        "golang-github-grpc-ecosystem-go-grpc-prometheus-dev",
    ),
    ("github.com/prometheus/client_golang", "golang-github-prometheus-client-golang-dev"),
    ("go.uber.org/zap", "golang-go.uber-zap-dev"),
];
const NAME: &str = "grpc-go";

/// Builds the one binary; `None` if something is not installed, which is told.
pub(super) fn build() -> Result<Option<Binaries>> {
    let missing = missing(starts(), Path::new(PACKAGES));
    if !missing.is_empty() {
        println!(
            "WARNING: {NAME} is left out: the Debian packages {} are missing",
            missing.join(", ")
        );
        return Ok(None);
    }
    println!("building {NAME}");
    let bench = root().join("xtask/bench");
    let binary = bench.join("target").join(NAME);
    let mut command = Command::new("go");
    command.args(["build", "-o"]).arg(&binary).arg("greeter");
    command
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("GOPATH", format!("{}:{PACKAGES}", bench.join(NAME).display()))
        .env("GOCACHE", bench.join("target/go-cache"))
        .stdin(Stdio::null());
    if !command.status()?.success() {
        return Err(format!("{NAME} does not build").into());
    }
    Ok(Some(BTreeMap::from([(NAME.to_owned(), binary)])))
}

/// Whether there is a compiler.
fn starts() -> bool {
    let mut command = Command::new("go");
    command.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The Debian packages that are not installed.
fn missing(compiler: bool, packages: &Path) -> Vec<&'static str> {
    let compiler = (!compiler).then_some("golang-go");
    let imports = IMPORTS.iter().filter(|(path, _)| !packages.join("src").join(path).is_dir());
    compiler.into_iter().chain(imports.map(|(_, package)| *package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let nowhere = Path::new("no such directory");
        assert_eq!(missing(true, nowhere), IMPORTS.map(|(_, package)| package));
        assert_eq!(missing(false, nowhere)[0], "golang-go");
    }
}
