//! What is known of the commit that a package's directory is checked out at.

use std::path::{Path, PathBuf};

use crate::git::{self, Unanswered};

/// How many digits of the commit's hash the version shows. Fixed: how many `git` itself shows depends on the clone.
const SHORT_SHA: usize = 7;

/// The commit, and what tells that it has changed.
#[derive(Debug, PartialEq)]
pub(crate) struct Source {
    /// How many commits led here, this one included; 0 where that is unknown.
    pub(crate) commits: u64,
    /// The first digits of the commit's hash, or `unknown`.
    pub(crate) sha: String,
    /// The committer's time, in seconds since 1970.
    pub(crate) seconds: Option<u64>,
    /// Files and directories that change when another commit is checked out or made. All exist: Cargo takes a path
    /// that is missing for one that changed, each time.
    pub(crate) watch: Vec<PathBuf>,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
}

impl Source {
    /// Looks the commit up. Nothing here fails: what cannot be found out is unknown.
    pub(crate) fn of(package: &Path) -> Self {
        match Self::look_up(package) {
            Ok(source) => source,
            Err(Unanswered::NoCommit) => Self::unknown(None),
            Err(Unanswered::Refused(said)) => Self::unknown(Some(format!(
                "the commit is unknown, because git cannot read the repository: {said}"
            ))),
        }
    }

    fn unknown(warning: Option<String>) -> Self {
        let warnings = warning.into_iter().collect();
        Self { commits: 0, sha: "unknown".to_owned(), seconds: None, watch: Vec::new(), warnings }
    }

    fn look_up(package: &Path) -> Result<Self, Unanswered> {
        let head = git::ask(package, &["rev-parse", "--verify", "HEAD^{commit}"])?;
        let time = git::ask(
            package,
            &["show", "--no-patch", "--no-show-signature", "--format=%ct", "HEAD"],
        )?;
        let commits = git::ask(package, &["rev-list", "--count", "HEAD"])?;
        let shallow = git::ask(package, &["rev-parse", "--is-shallow-repository"])? == "true";
        let warning =
            "the version counts only the fetched commits, because this is a shallow clone";
        Ok(Self {
            commits: commits.parse().unwrap_or(0),
            sha: head.chars().take(SHORT_SHA).collect(),
            seconds: time.parse().ok(),
            watch: watch(package)?,
            warnings: shallow.then(|| warning.to_owned()).into_iter().collect(),
        })
    }
}

/// The paths that change with the commit, in the plain checkout as in a linked worktree, where `.git` is a file and
/// `HEAD` and the branches lie in two directories.
fn watch(package: &Path) -> Result<Vec<PathBuf>, Unanswered> {
    // Relative answers are relative to where the question was asked.
    let directory = |which| git::ask(package, &["rev-parse", which]).map(|path| package.join(path));
    let own = directory("--git-dir")?;
    let common = directory("--git-common-dir")?;
    let mut paths = vec![own.join("HEAD")];
    // On a branch, `HEAD` only names it; detached, it holds the commit.
    if let Ok(branch) = git::ask(package, &["symbolic-ref", "--quiet", "HEAD"]) {
        paths.push(loose_or_future(&common, &branch));
        paths.push(common.join("packed-refs"));
    }
    paths.push(common.join("reftable").join("tables.list"));
    paths.retain(|path| path.exists());
    Ok(paths)
}

/// The branch's file or, as long as the branch lies in `packed-refs`, the directory where the next commit creates it.
fn loose_or_future(common: &Path, branch: &str) -> PathBuf {
    let file = common.join(branch);
    let found = file.ancestors().find(|path| path.exists()).unwrap_or(common);
    found.to_owned()
}

#[cfg(test)]
mod tests;
