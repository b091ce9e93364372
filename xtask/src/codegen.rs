//! The generated files that are committed, so that a published crate needs no compiler of `.proto` files.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use crate::root;

/// What is done with the generated files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The committed files are replaced.
    Write,
    /// The committed files are compared; a difference is an error.
    Check,
}

/// A file that is committed, below the project's root, and the content that it ought to have.
struct Generated {
    path: PathBuf,
    content: Vec<u8>,
}

/// Generates every committed file, and writes or checks it.
///
/// # Errors
///
/// When a file cannot be read or written or, with [`Mode::Check`], is not up to date; all such files are named.
pub(crate) fn run(mode: Mode) -> Result<(), Box<dyn Error>> {
    let mut stale = Vec::new();
    for Generated { path, content } in generated() {
        match mode {
            Mode::Write => fs::write(root().join(&path), content)?,
            Mode::Check if fs::read(root().join(&path))? == content => {}
            Mode::Check => stale.push(path.display().to_string()),
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not up to date, run `cargo xtask codegen`: {}",
        stale.join(", ")
    )
    .into())
}

/// All generated files: none so far.
fn generated() -> Vec<Generated> {
    Vec::new()
}
