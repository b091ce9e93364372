//! Builds the Rust code and the descriptor set of the `.proto` files, without `protoc`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// What the crate offers; the files that these import are found by themselves.
const FILES: [&str; 5] = [
    "helloworld.proto",
    "rootcap/testing/faults.proto",
    // Named one by one: code is made for these files only, not for what they import.
    "grpc/testing/empty.proto",
    "grpc/testing/messages.proto",
    "grpc/testing/test.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.open_files(FILES)?;

    // The comments of the files become the docs of the code. No code is made for imports: an option has none.
    compiler.include_source_info(true).include_imports(false);
    tonic_prost_build::configure().bytes(".").compile_fds(compiler.file_descriptor_set())?;

    // Encoded by protox and not by prost, which would drop the options that it does not know: `google.api.http`.
    compiler.include_source_info(false).include_imports(true);
    let out = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(out, compiler.encode_file_descriptor_set())?;
    Ok(())
}
