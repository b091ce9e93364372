//! Builds the Rust code of the benchmark's own service, without `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["bench.proto"], ["proto"])?;
    // A client has no place in a server that is weighed.
    tonic_prost_build::configure().build_client(false).bytes(".").compile_fds(files)?;
    Ok(())
}
