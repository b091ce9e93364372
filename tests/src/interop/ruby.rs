//! The client of gRPC's interoperability tests that Debian's `ruby-grpc` brings: every case that needs no credentials.

use std::{net::SocketAddr, path::Path, time::Duration};

use futures_util::{StreamExt, stream};
use rootcap_tests::programs::{self, RubyClient};
use tokio::process::Command;

use super::{Front, Stand};

/// These ask Google for credentials.
const WITH_CREDENTIALS: [&str; 5] = [
    "compute_engine_creds",
    "jwt_token_creds",
    "oauth2_auth_token",
    "per_rpc_creds",
    "service_account_creds",
];

/// No case of its own: it runs the others, those with credentials too.
const ALL: &str = "all";

/// So many clients run at once: each is a process that loads for half a second.
const AT_ONCE: usize = 3;

/// A case takes two seconds at most, on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_case_passes() {
    all_pass(Front::Server).await;
}

#[tokio::test]
async fn every_case_passes_through_nginx() {
    all_pass(Front::Nginx).await;
}

#[tokio::test]
async fn every_case_passes_through_envoy() {
    all_pass(Front::Envoy).await;
}

async fn all_pass(front: Front) {
    let Some(client) = programs::ruby_interop_client() else { return };
    let Some(stand) = Stand::start(front).await else { return };
    let results =
        stream::iter(cases(&client).await).map(|case| run(&client, stand.address(), case));
    let failures: Vec<_> = results
        .buffer_unordered(AT_ONCE)
        .filter_map(|result| async { result.err() })
        .collect()
        .await;
    assert!(failures.is_empty(), "{front:?}: {}", failures.join("\n"));
    stand.is_at_rest().await;
}

/// The cases, as the client itself lists them: none is forgotten.
async fn cases(client: &RubyClient) -> Vec<String> {
    let output =
        Command::new(&client.ruby).arg(&client.script).arg("--help").output().await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let list =
        help.lines().map(str::trim).find(|line| line.starts_with('(') && line.ends_with(')'));
    let list = list.unwrap_or_else(|| panic!("no list of cases: {help}"));
    let (left_out, cases): (Vec<_>, Vec<_>) = list[1..list.len() - 1]
        .split(',')
        .map(str::to_owned)
        .partition(|case| case == ALL || WITH_CREDENTIALS.contains(&case.as_str()));
    assert_eq!(left_out.len(), 1 + WITH_CREDENTIALS.len(), "{left_out:?}");
    assert!(cases.len() >= 15, "{cases:?}");
    cases
}

/// Runs one case; what the client said if it failed.
async fn run(client: &RubyClient, address: SocketAddr, case: String) -> Result<(), String> {
    let mut command = Command::new(&client.ruby);
    command.arg::<&Path>(&client.script).kill_on_drop(true);
    command.arg(format!("--server_host={}", address.ip()));
    command.arg(format!("--server_port={}", address.port()));
    command.arg(format!("--test_case={case}"));
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .map_err(|_| format!("{case} did not end"))?
        .map_err(|error| format!("{case} did not begin: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.success() && said.contains(&format!("OK: {case}")) {
        true => Ok(()),
        false => Err(format!("{case}: {said}\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}
