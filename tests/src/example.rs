//! The examples as processes of their own.

use std::{
    env,
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command as AsyncCommand},
    task::JoinHandle,
};

use crate::{admin::Admin, wait};

/// A running example; killed when dropped.
pub struct Example {
    child: Child,
    /// Where it takes calls.
    pub address: SocketAddr,
    /// Its admin port.
    pub admin: Admin,
    output: Output,
    /// Read the two outputs to their ends.
    readers: Vec<JoinHandle<()>>,
}

/// The lines of a process, of both its outputs, as they come.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<String>>>);

impl Example {
    /// Starts an example on ports that the system chooses, with no settings but these.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        Self::spawn(command(name, settings)).await
    }

    /// Starts any program that prints its addresses as the examples do.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn spawn(mut command: AsyncCommand) -> Self {
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped())).await
    }

    /// Starts such a program, whose stderr may be something else than output.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn of(command: &mut AsyncCommand) -> Self {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let output = Output::default();
        let mut readers = vec![tokio::spawn(output.clone().read(child.stdout.take().unwrap()))];
        readers.extend(child.stderr.take().map(|stderr| tokio::spawn(output.clone().read(stderr))));
        let address = output.address("listening on ").await;
        let admin = Admin::at(output.address("admin on ").await);
        Self { child, address, admin, output, readers }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end of the process, and until all that it wrote is read.
    pub async fn wait(&mut self) -> ExitStatus {
        let status = wait::for_end("the end of the process", self.child.wait()).await.unwrap();
        for reader in self.readers.drain(..) {
            wait::for_end("the end of its output", reader).await.unwrap();
        }
        status
    }

    /// The lines that it has written so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.0.lock().unwrap().clone()
    }

    /// Waits for a line that `choose` chooses.
    pub async fn line(&self, what: &str, choose: impl Fn(&str) -> bool) -> String {
        self.output.line(what, choose).await
    }
}

impl Output {
    async fn read(self, from: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.0.lock().unwrap().push(line);
        }
    }

    async fn line(&self, what: &str, choose: impl Fn(&str) -> bool) -> String {
        let found = async || self.0.lock().unwrap().iter().find(|line| choose(line)).cloned();
        wait::until(what, found).await.0
    }

    /// The first internet address of that kind.
    async fn address(&self, prefix: &str) -> SocketAddr {
        let address = |line: &str| line.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
        let line = self.line(prefix, |line| address(line).is_some()).await;
        address(&line).unwrap()
    }
}

/// An example with no settings but these, to be run.
pub fn command(name: &str, settings: &[(&str, &str)]) -> AsyncCommand {
    program(&path(name), settings)
}

/// An example with no settings but these, to be run as the README says: by Cargo, which adds to its environment.
pub fn cargo_run(name: &str, settings: &[(&str, &str)]) -> AsyncCommand {
    let built = path(name);
    let profile = profile(built.ancestors().nth(2).unwrap());
    let mut command = program(Path::new(&cargo()), settings);
    command.args(["run", "--quiet", "--profile", profile, "--example", name]).current_dir(root());
    command
}

/// A server with no settings but these, to be run.
pub fn program(path: &Path, settings: &[(&str, &str)]) -> AsyncCommand {
    let mut command = started_afresh(path);
    command.env("ROOTCAP_LISTEN", "127.0.0.1:0").env("ROOTCAP_ADMIN__LISTEN", "127.0.0.1:0");
    command.envs(settings.iter().copied());
    command.into()
}

/// A program that is not told what is meant for a server, nor what Cargo tells the tests of their own package: where that
/// changes, ring is built again, and all that needs it.
fn started_afresh(path: impl AsRef<OsStr>) -> Command {
    const NOT_TOLD: [&str; 5] = ["ROOTCAP_", "OTEL_", "RUST_LOG", "CARGO_MANIFEST_", "CARGO_PKG_"];
    let mut command = Command::new(path);
    let not_told = |name: &str| NOT_TOLD.iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in env::vars_os().filter(|(name, _)| not_told(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// The example's executable, built by now.
///
/// # Panics
/// When it cannot be built.
fn path(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(build).join(name);
    assert!(path.is_file(), "there is no example {}", path.display());
    path
}

/// Builds all examples where cargo runs the tests, which finds them built already after a `cargo test` of everything;
/// returns their directory.
fn build() -> PathBuf {
    // <target>/<profile>/deps/tests-<hash>
    let test = env::current_exe().unwrap();
    let directory = test.ancestors().nth(2).unwrap();
    // The selection of a plain `cargo test`: another one would build the dependencies with other features.
    let arguments = ["build", "--quiet", "--examples", "--profile", profile(directory)];
    let status = started_afresh(cargo()).args(arguments).current_dir(root()).status().unwrap();
    assert!(status.success(), "the examples cannot be built");
    directory.join("examples")
}

/// The Cargo that runs the tests, or the one on the PATH.
fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The profile whose files are in this directory.
fn profile(directory: &Path) -> &str {
    match directory.file_name().and_then(|name| name.to_str()).unwrap() {
        "debug" => "dev",
        profile => profile,
    }
}
