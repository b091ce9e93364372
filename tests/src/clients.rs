//! Clients of other languages call the examples.

use std::path::{Path, PathBuf};

use rootcap_tests::{example::Example, programs};
use tokio::process::Command;

/// Runs a script against the example `faults` with these settings; all that it checks must hold.
async fn holds(program: Option<PathBuf>, script: &str, settings: &[(&str, &str)]) {
    let Some(program) = program else { return };
    let example = Example::start("faults", settings).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    let mut command = Command::new(program);
    command.arg(script).arg(example.address.to_string()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().filter(|line| line.starts_with("ok")).count() > 2, "{said}");
    let metrics = example.admin.at_rest().await;
    let started = metrics.sum("grpc_server_started_total", &[]);
    assert_eq!(started, metrics.sum("grpc_server_handled_total", &[]));
}

#[tokio::test]
async fn grpcio_calls_the_greeter_and_every_fault() {
    holds(programs::python(), "grpcio_faults.py", &[]).await;
}

#[tokio::test]
async fn grpc_js_calls_the_greeter_and_every_fault() {
    holds(programs::node(), "grpc_js_faults.mjs", &[]).await;
}

#[tokio::test]
async fn grpcio_asks_health_and_reflection() {
    holds(programs::python(), "grpcio_builtin.py", &[]).await;
}

#[tokio::test]
async fn grpcio_reads_the_details_of_a_status() {
    holds(programs::python(), "grpcio_status.py", &[("ROOTCAP_LIMITS__RATE", "1/h")]).await;
}
