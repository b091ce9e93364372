//! The walls of the architecture that no compiler keeps: which files may name what.

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

const LAYERS: &str = "crates/rootcap-layers";

/// The algorithms, which do no IO and are given the time.
const PURE: &[&str] = &[
    "crates/rootcap-layers/src/admission/cidr.rs",
    "crates/rootcap-layers/src/admission/index.rs",
    "crates/rootcap-layers/src/admission/matching.rs",
    "crates/rootcap-layers/src/call/ledger.rs",
    "crates/rootcap-layers/src/call/message_count.rs",
    "crates/rootcap-layers/src/call/phase.rs",
    "crates/rootcap-layers/src/concurrency/callers.rs",
    "crates/rootcap-layers/src/concurrency/gate.rs",
    "crates/rootcap-layers/src/concurrency/pace.rs",
    "crates/rootcap-layers/src/concurrency/queue.rs",
    "crates/rootcap-layers/src/deadline/grpc_timeout.rs",
    "crates/rootcap-layers/src/deadline/maxima.rs",
    "crates/rootcap-layers/src/limits/arrivals.rs",
    "crates/rootcap-layers/src/limits/decisions.rs",
    "crates/rootcap-layers/src/limits/top.rs",
    "crates/rootcap-layers/src/method/brevity.rs",
    "crates/rootcap-layers/src/metrics/distribution.rs",
    "crates/rootcap-layers/src/metrics/histogram.rs",
    "crates/rootcap-layers/src/metrics/history.rs",
    "crates/rootcap-layers/src/metrics/tally.rs",
    "crates/rootcap-layers/src/rate_limit/direct.rs",
    "crates/rootcap-layers/src/rate_limit/gcra.rs",
    "crates/rootcap-layers/src/rate_limit/keyed.rs",
    "crates/rootcap-layers/src/rate_limit/quota.rs",
    "crates/rootcap-layers/src/request_bytes/budget.rs",
    "crates/rootcap-layers/src/request_bytes/demand.rs",
    "crates/rootcap-layers/src/trace/b3.rs",
    "crates/rootcap-layers/src/trace/traceparent.rs",
    "crates/rootcap/src/health/checks/record.rs",
    "crates/rootcap/src/health/latches.rs",
    "crates/rootcap/src/health/state.rs",
    "crates/rootcap/src/in_force.rs",
    "crates/rootcap/src/server/activation/protocol.rs",
    "crates/rootcap/src/server/backoff.rs",
    "crates/rootcap/src/server/caps.rs",
    "crates/rootcap/src/server/coalesce/gate.rs",
    "crates/rootcap/src/server/connection/phases.rs",
    "crates/rootcap/src/server/pings.rs",
    "crates/rootcap/src/server/refusals.rs",
    "crates/rootcap/src/server/spoken.rs",
    "crates/rootcap/src/telemetry/export/report.rs",
    "crates/rootcap/src/telemetry/export/timestamp.rs",
    "crates/rootcap/src/tls/expiry.rs",
];

/// What an algorithm must not name.
const IMPURE: &[&str] = &[
    "axum::",
    "http::",
    "hyper::",
    "metrics::",
    "tokio::",
    "tonic::",
    "tower::",
    "tracing::",
    "Instant::now",
    "SystemTime::now",
    ".elapsed()",
];

/// The code of a file, line by line: without comments, without the contents of strings, without its tests.
fn code(file: &Path) -> Vec<String> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.map(|line| line.split("//").next().unwrap_or_default()).map(without_strings).collect()
}

fn without_strings(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// Whether `line` names `path`, and not something whose name only ends alike.
fn names(line: &str, path: &str) -> bool {
    let is_part_of_a_name = |before: char| before.is_alphanumeric() || before == '_';
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(is_part_of_a_name))
}

fn violations(file: &Path, forbidden: &[&str]) -> Vec<String> {
    let code = code(file);
    let lines = code.iter().enumerate();
    let named = lines.filter(|(_, line)| forbidden.iter().any(|path| names(line, path)));
    named.map(|(at, line)| format!("{}:{}: {}", file.display(), at + 1, line.trim())).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the project");
    let paths = entries.map(|entry| entry.expect("an entry of that folder").path());
    let inside = paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    inside.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn a_layer_knows_no_socket_and_no_server() {
    let files = sources(&root().join(LAYERS).join("src"));
    assert!(files.len() > 30, "the folder of the layers has moved");
    let forbidden = ["hyper::", "hyper_util::", "tokio::net", "rootcap::", "use rootcap;"];
    let found: Vec<_> = files.iter().flat_map(|file| violations(file, &forbidden)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_manifest_of_the_layers_has_neither_of_them() {
    let manifest = fs::read_to_string(root().join(LAYERS).join("Cargo.toml")).expect("a manifest");
    let dependencies = manifest.split("[dependencies]").nth(1).expect("there are some");
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    for name in ["hyper", "hyper-util", "rootcap", "axum"] {
        let is_named = |line: &str| {
            line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} "))
        };
        assert!(!dependencies.lines().any(is_named), "{name} is a dependency of the layers");
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    for tokio in
        dependencies.lines().chain(workspace.lines()).filter(|line| line.starts_with("tokio "))
    {
        assert!(!tokio.contains("\"net\""), "the layers inherit tokio's sockets: {tokio}");
    }
}

#[test]
fn algorithms_are_pure() {
    for file in PURE {
        let mut found = violations(&root().join(file), IMPURE);
        // The clock's type, which a connection's instants have; neither its clock nor its timers.
        found.retain(|line| !line.ends_with("use tokio::time::Instant;"));
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// So that every metric is described, and documented.
#[test]
fn metrics_are_recorded_through_their_table() {
    let macros = ["counter!(", "gauge!(", "histogram!("];
    let all = sources(&root().join("crates/rootcap/src"));
    let files: Vec<_> = all.iter().filter(|file| !may_record(file)).collect();
    assert!(files.len() + 3 < all.len(), "the table of metrics has moved");
    let found: Vec<_> = files.iter().flat_map(|file| violations(file, &macros)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// What shows nothing to anybody may record what it likes: the tests of the recorder.
fn may_record(file: &Path) -> bool {
    let source = file.strip_prefix(root().join("crates/rootcap/src")).expect("a file below it");
    let files = ["metrics.rs", "telemetry/recorder/tests.rs"];
    source.starts_with("metrics") || files.iter().any(|file| source == Path::new(file))
}

#[test]
fn a_name_is_found_where_it_stands_for_itself() {
    assert!(names("use http::Request;", "http::") && names("(http::Uri)", "http::"));
    assert!(!names("use tower_http::cors;", "http::"));
    assert_eq!(without_strings(r#"call("tokio::net", x)"#), "call(, x)");
}

/// Two versions of what a call speaks would not understand each other, and two crypto providers would leave rustls
/// without a default in the programs of users.
#[test]
fn there_is_one_version_of_the_protocols_and_one_crypto_provider() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
    let versions = |name: &str| lock.matches(&format!("\nname = \"{name}\"\n")).count();
    for name in
        ["http", "http-body", "hyper", "h2", "tower", "tower-http", "prost", "rustls", "ring"]
    {
        assert_eq!(versions(name), 1, "versions of {name}");
    }
    for name in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls"] {
        assert_eq!(versions(name), 0, "{name} is another crypto provider");
    }
}
