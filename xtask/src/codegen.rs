//! Generates what is committed: code, for a published crate must not need a compiler of `.proto` files; and
//! documentation, which must not differ from the program.

mod markdown;
mod reference;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, process};

use crate::root;

/// What is done with the generated files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The committed files are replaced.
    Write,
    /// The committed files are compared; a difference is an error.
    Check,
}

/// A file that is committed, and the content that it ought to have.
struct Generated {
    path: PathBuf,
    content: Vec<u8>,
}

/// Generates every committed file, and writes or checks it.
///
/// # Errors
/// When a `.proto` file or the program does not compile, a file cannot be read or written, or, with [`Mode::Check`], when a committed
/// file is not what would be generated; all such files are named.
pub(crate) fn run(mode: Mode) -> Result<(), Box<dyn Error>> {
    let code = health(root())?;
    if mode == Mode::Write {
        // First: the program, of which the documentation is made, is compiled of it.
        write(&code)?;
    }
    let documents = reference::files(root())?;
    match mode {
        Mode::Write => write(&documents),
        Mode::Check => check(code.iter().chain(&documents)),
    }
}

/// The server's half of `grpc.health.v1`, and its descriptors for reflection.
fn health(root: &Path) -> Result<[Generated; 2], Box<dyn Error>> {
    let mut compiler = protox::Compiler::new([root.join("proto/proto")])?;
    compiler.open_file("grpc/health/v1/health.proto")?;
    compiler.include_source_info(true);
    let code = server_code(compiler.file_descriptor_set(), "grpc.health.v1.rs")?;
    compiler.include_source_info(false).include_imports(true);

    let to = root.join("crates/rootcap/src/health/generated");
    Ok([
        Generated { path: to.join("grpc.health.v1.rs"), content: code },
        Generated { path: to.join("health.bin"), content: compiler.encode_file_descriptor_set() },
    ])
}

/// The messages and servers of one package: `name` is the file that the generator gives it.
fn server_code(
    set: tonic_prost_build::FileDescriptorSet,
    name: &str,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let scratch = std::env::temp_dir().join(format!("rootcap-codegen-{}", process::id()));
    fs::create_dir_all(&scratch)?;
    let generated = tonic_prost_build::configure()
        .build_client(false)
        .btree_map(".")
        .out_dir(&scratch)
        .compile_fds(set)
        .and_then(|()| fs::read(scratch.join(name)));
    fs::remove_dir_all(&scratch)?;
    Ok(generated?)
}

fn write(files: &[Generated]) -> Result<(), Box<dyn Error>> {
    for file in files {
        if let Some(directory) = file.path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&file.path, &file.content)
            .map_err(|error| format!("cannot write {}: {error}", file.path.display()))?;
    }
    Ok(())
}

fn check<'a>(files: impl IntoIterator<Item = &'a Generated>) -> Result<(), Box<dyn Error>> {
    let stale: Vec<_> = files
        .into_iter()
        .filter(|file| fs::read(&file.path).ok().as_deref() != Some(&file.content))
        .map(|file| file.path.display().to_string())
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("not what is generated (run `cargo xtask codegen`): {}", stale.join(", ")).into())
}

#[cfg(test)]
mod tests {
    use super::{Generated, check};

    #[test]
    fn a_file_that_differs_or_is_missing_is_named() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = |name: &str, content: Vec<u8>| Generated { path: here.join(name), content };
        let same = std::fs::read(here.join("Cargo.toml")).expect("the manifest is readable");
        assert!(check(&[file("Cargo.toml", same)]).is_ok());

        let stale = [file("Cargo.toml", b"other".to_vec()), file("absent", Vec::new())];
        let error = check(&stale).expect_err("both are stale").to_string();
        assert!(error.contains("Cargo.toml") && error.contains("absent"), "{error}");
    }
}
