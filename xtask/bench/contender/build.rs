//! Builds the Rust code of the benchmark's own services, and the descriptors of those with many methods, without
//! `protoc`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["bench.proto"], ["proto"])?;
    // A client has no place in a server that is weighed.
    tonic_prost_build::configure().build_client(false).bytes(".").compile_fds(files)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for methods in [200, 1_000] {
        many(methods, &out)?;
    }
    Ok(())
}

/// Writes the descriptors of a service with so many methods.
fn many(methods: usize, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut text =
        "syntax = \"proto3\"; package bench; import \"bench.proto\"; service Many {".to_owned();
    for method in 0..methods {
        write!(text, "rpc M{method}(Chunk) returns (Chunk);")?;
    }
    let name = format!("many-{methods}");
    fs::write(out.join(&name).with_extension("proto"), text + "}")?;
    let mut compiler = protox::Compiler::new([Path::new("proto"), out])?;
    compiler.include_imports(true).open_file(format!("{name}.proto"))?;
    fs::write(out.join(name).with_extension("bin"), compiler.encode_file_descriptor_set())?;
    Ok(())
}
