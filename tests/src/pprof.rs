//! `go tool pprof`, which reads our profiles.

use std::{fs, path::PathBuf, process::Command};

use crate::{directory::Directory, programs};

/// The tool, with a directory of its own.
pub struct Pprof {
    go: PathBuf,
    directory: Directory,
}

impl Pprof {
    /// `go`, where there also is what its tool draws with.
    pub fn find() -> Option<Self> {
        programs::find("dot")?;
        Some(Self { go: programs::find("go")?, directory: Directory::create() })
    }

    /// Has it read a profile, and returns what it writes.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, arguments: &[&str], profile: &[u8]) -> String {
        let directory = self.directory.path();
        let file = directory.join("profile.pb.gz");
        fs::write(&file, profile).unwrap();
        let mut command = Command::new(&self.go);
        command.args(["tool", "pprof", "-symbolize=none"]).args(arguments).arg(file);
        command.env("PPROF_TMPDIR", directory).env("HOME", directory);
        let output = command.current_dir(directory).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }
}
