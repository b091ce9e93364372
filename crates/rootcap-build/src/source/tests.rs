//! Looks commits up in real repositories, where there is a `git` to make them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::*;

/// A directory of a test's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("rootcap-build-{name}-{}", std::process::id()));
        // What an earlier process with this number left behind.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// A repository with one commit, or nothing where there is no `git`.
    fn with_commit(name: &str) -> Option<Self> {
        if Command::new("git").arg("--version").output().is_err() {
            eprintln!("no git on this machine: nothing to test");
            return None;
        }
        let directory = Self::new(name);
        git(&directory.0, &["init", "--quiet"]);
        git(&directory.0, &["symbolic-ref", "HEAD", "refs/heads/feature/one"]);
        commit(&directory.0);
        Some(directory)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn git(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@example.com",
        "-c",
        "commit.gpgsign=false",
    ]);
    command.args(arguments).current_dir(directory);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
        .env("GIT_COMMITTER_DATE", "1700000000 +0530")
        .env("GIT_AUTHOR_DATE", "1500000000 +0000");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn commit(directory: &Path) {
    git(directory, &["commit", "--quiet", "--no-verify", "--allow-empty", "--message=more"]);
}

/// When the newest of the watched paths changed, which is what Cargo compares; directories count with all below.
fn newest(paths: &[PathBuf]) -> SystemTime {
    fn of(path: &Path) -> SystemTime {
        let metadata = fs::metadata(path).unwrap();
        let below = metadata
            .is_dir()
            .then(|| fs::read_dir(path).unwrap().map(|entry| of(&entry.unwrap().path())));
        below.into_iter().flatten().chain([metadata.modified().unwrap()]).max().unwrap()
    }
    paths.iter().map(|path| of(path)).max().unwrap()
}

/// Makes everything watched look old, so that a change shows however coarse the file system's clock is.
fn age(paths: &[PathBuf]) {
    for path in paths {
        if path.is_dir() {
            let below: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            age(&below);
        }
        fs::File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
}

/// Asserts that a step is seen by Cargo: a watched path is gone or has changed.
fn assert_seen(directory: &Path, step: impl FnOnce()) {
    let watched = Source::of(directory).watch;
    assert!(watched.iter().all(|path| path.exists()), "{watched:?}");
    age(&watched);
    step();
    let gone = watched.iter().any(|path| !path.exists());
    assert!(gone || newest(&watched) > SystemTime::UNIX_EPOCH, "nothing tells of it: {watched:?}");
}

#[test]
fn a_commit_has_count_hash_and_time() {
    let Some(repository) = Directory::with_commit("commit") else {
        return;
    };
    let first = Source::of(&repository.0);
    assert_eq!((first.commits, first.seconds), (1, Some(1_700_000_000)));
    assert_eq!(first.warnings, Vec::<String>::new());
    assert!(
        first.sha.len() == SHORT_SHA && first.sha.bytes().all(|digit| digit.is_ascii_hexdigit())
    );
    commit(&repository.0);
    let second = Source::of(&repository.0);
    assert_eq!(second.commits, 2);
    assert_ne!(second.sha, first.sha);
}

#[test]
fn a_package_below_the_root_of_the_repository_finds_it() {
    let Some(repository) = Directory::with_commit("below") else {
        return;
    };
    let package = repository.0.join("crates").join("server");
    fs::create_dir_all(&package).unwrap();
    assert_eq!(Source::of(&package).sha, Source::of(&repository.0).sha);
    assert_seen(&package, || commit(&repository.0));
}

#[test]
fn a_commit_and_a_checkout_are_seen() {
    let Some(repository) = Directory::with_commit("seen") else {
        return;
    };
    let directory = &repository.0;
    assert_seen(directory, || commit(directory));
    assert_seen(directory, || git(directory, &["checkout", "--quiet", "--detach", "HEAD~1"]));
    assert_seen(directory, || commit(directory));
    assert_seen(directory, || git(directory, &["checkout", "--quiet", "feature/one"]));
}

#[test]
fn a_commit_on_a_packed_branch_is_seen() {
    let Some(repository) = Directory::with_commit("packed") else {
        return;
    };
    let directory = &repository.0;
    assert_seen(directory, || git(directory, &["pack-refs", "--all"]));
    assert!(!directory.join(".git/refs/heads/feature/one").exists(), "the branch is packed");
    assert_seen(directory, || commit(directory));
}

#[test]
fn a_linked_worktree_watches_its_own_head_and_the_common_branches() {
    let Some(repository) = Directory::with_commit("main") else {
        return;
    };
    let linked = Directory::new("linked");
    let worktree = linked.0.join("tree");
    git(&repository.0, &["worktree", "add", "--quiet", "-b", "two", worktree.to_str().unwrap()]);
    assert!(worktree.join(".git").is_file());
    assert_seen(&worktree, || commit(&worktree));
    assert_seen(&worktree, || git(&worktree, &["checkout", "--quiet", "--detach"]));
    assert_eq!(Source::of(&worktree).commits, 2);
    assert_eq!(Source::of(&repository.0).commits, 1);
}

#[test]
fn a_shallow_clone_is_told_of() {
    let Some(repository) = Directory::with_commit("deep") else {
        return;
    };
    commit(&repository.0);
    let clones = Directory::new("shallow");
    let origin = format!("file://{}", repository.0.display());
    git(&clones.0, &["clone", "--quiet", "--depth=1", &origin, "clone"]);
    let source = Source::of(&clones.0.join("clone"));
    assert_eq!(source.commits, 1);
    assert!(source.warnings[0].contains("shallow"), "{:?}", source.warnings);
}

#[test]
fn without_a_repository_or_a_commit_all_is_unknown() {
    let directory = Directory::new("nothing");
    assert_eq!(Source::of(&directory.0), Source::unknown(None));
    if Command::new("git").arg("--version").output().is_ok() {
        git(&directory.0, &["init", "--quiet"]);
        assert_eq!(
            Source::of(&directory.0),
            Source::unknown(None),
            "a repository without a commit"
        );
    }
}
