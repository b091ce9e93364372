//! Chromium, which looks at pages as people do.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::programs;

/// A browser that a test may use.
pub struct Browser {
    node: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    /// Debian's `chromium`, and `playwright-core` in `TEST_NODE_MODULES` or where node looks, which drives it.
    pub fn find() -> Option<Self> {
        let node = programs::node_with("playwright-core")?;
        Some(Self { node, chromium: programs::find("chromium")? })
    }

    /// Looks at these pages, in light, in dark and on a phone: `clients/browser.mjs` says what must hold.
    ///
    /// # Panics
    /// When it does not hold.
    pub async fn look(&self, at: SocketAddr, paths: &[impl AsRef<str>]) {
        let paths: Vec<_> = paths.iter().map(AsRef::as_ref).collect();
        let lines = self.run(at, &paths).await;
        assert_eq!(lines, 3 * paths.len(), "each page is looked at three times");
    }

    /// Cancels the first call of `/debug/calls`, with the keyboard alone.
    ///
    /// # Panics
    /// When that is not possible.
    pub async fn cancel(&self, at: SocketAddr) {
        assert_eq!(self.run(at, &["cancel"]).await, 1);
    }

    /// How many checks were made.
    async fn run(&self, at: SocketAddr, arguments: &[&str]) -> usize {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/browser.mjs");
        let mut command = Command::new(&self.node);
        command.arg(script).arg(&self.chromium).arg(format!("http://{at}")).args(arguments);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said.lines().filter(|line| line.starts_with("ok ")).count()
    }
}
