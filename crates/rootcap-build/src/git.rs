//! Asks `git` about the repository that a directory lies in.

use std::path::Path;
use std::process::Command;

/// Why a question has no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Unanswered {
    /// There is no `git`, no repository or no commit: nothing is wrong.
    NoCommit,
    /// There is a repository, but `git` refuses to read it; its words.
    Refused(String),
}

/// Runs `git` in a directory and returns what it printed, without the final line break.
pub(crate) fn ask(directory: &Path, arguments: &[&str]) -> Result<String, Unanswered> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        // A hook of one repository may build another: the package's directory decides, not the hook's variables.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_COMMON_DIR")
        // Replacement objects are local, and would change the count.
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("LC_ALL", "C")
        .output()
        .map_err(|_no_git| Unanswered::NoCommit)?;
    if !output.status.success() {
        return Err(unanswered(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Tells a directory without a commit from a repository that cannot be read.
fn unanswered(said: &str) -> Unanswered {
    let nothing_there =
        ["not a git repository", "ambiguous argument 'HEAD'", "Needed a single revision"];
    if nothing_there.iter().any(|known| said.contains(known)) {
        return Unanswered::NoCommit;
    }
    Unanswered::Refused(said.lines().next().unwrap_or("it says nothing").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_repository_that_cannot_be_read_is_worth_a_word() {
        let outside = "fatal: not a git repository (or any of the parent directories): .git\n";
        assert_eq!(unanswered(outside), Unanswered::NoCommit);
        assert_eq!(unanswered("fatal: Needed a single revision\n"), Unanswered::NoCommit);
        let owner =
            "fatal: detected dubious ownership in repository at '/src'\nTo add an exception...\n";
        let said = "fatal: detected dubious ownership in repository at '/src'";
        assert_eq!(unanswered(owner), Unanswered::Refused(said.to_owned()));
    }
}
