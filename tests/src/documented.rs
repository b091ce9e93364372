//! What the documentation says there is, is there.

use std::{collections::BTreeMap, path::Path};

use rootcap::metrics::{Metric, all};
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{
        BlockRequest, EchoRequest, SleepRequest, StreamRequest, faults_client::FaultsClient,
    },
};
use rootcap_tests::{
    example::{self, Example},
    metrics::Metrics,
    pki::Pki,
    raw::{self, Raw},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

#[tokio::test]
async fn a_program_prints_the_example_of_its_settings() {
    let mut command = example::command("greeter", &[("ROOTCAP_LIMITS__RATE", "wrong")]);
    let output = command.arg("--print-example").output().await.unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), rootcap::config::example());
}

/// The README, in which a test finds what it promises.
const README: &str = include_str!("../../README.md");

/// The first block of the README that holds `part`, from there to the end of the block.
fn in_readme(part: &str) -> &'static str {
    let from = README.find(part).unwrap_or_else(|| panic!("the README has no `{part}`"));
    README[from..].split("```").next().unwrap().split("\n$ ").next().unwrap().trim_end()
}

#[tokio::test]
async fn the_readmes_mistakes_are_told_as_it_says() {
    let (command, said) = in_readme("ROOTCAP_DRAIN__DEADLINE=soon").split_once('\n').unwrap();
    let settings: Vec<_> = command.split(' ').filter_map(|word| word.split_once('=')).collect();
    assert_eq!(settings.len(), 2, "{command}");
    let output = example::command("greeter", &settings).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap().trim_end(), said);
}

#[tokio::test]
async fn the_readmes_stack_is_that_of_the_greeter() {
    let server = Example::start("greeter", &[]).await;
    let (_, shown) = server.admin.get("/debug/stack").await;
    let said = in_readme("A call passes these layers");
    let lines = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(lines(said), lines(&shown));
}

#[test]
fn the_readmes_settings_are_accepted() {
    let file = in_readme("listen = [");
    rootcap::config::Config::load_from(Some(("README.md", file)), [("", ""); 0]).unwrap();
}

/// What is known of metrics, by name: kind, labels, description.
type Shown = BTreeMap<String, (String, Vec<String>, String)>;

fn shown(metrics: &Metrics) -> Shown {
    let after = |mark: &str| {
        let lines = metrics.text().lines().filter_map(move |line| line.strip_prefix(mark));
        lines.filter_map(|rest| rest.split_once(' ')).collect::<BTreeMap<_, _>>()
    };
    let (kinds, helps) = (after("# TYPE "), after("# HELP "));
    let one = |(&name, &kind): (&&str, &&str)| {
        (name.to_owned(), (kind.to_owned(), labels(metrics, name, kind), helps[name].to_owned()))
    };
    kinds.iter().map(one).collect()
}

/// The names of the labels of a metric's series, as one of them has them.
fn labels(metrics: &Metrics, name: &str, kind: &str) -> Vec<String> {
    let name = if kind == "histogram" { format!("{name}_sum") } else { name.to_owned() };
    let of_name = |series: &&str| series.split('{').next() == Some(&name);
    let series = metrics.series(&name).into_iter().find(of_name).unwrap();
    let labels = series[name.len()..].trim_matches(['{', '}']).split("\",");
    labels.filter_map(|label| Some(label.split_once('=')?.0.to_owned())).collect()
}

fn documented() -> Shown {
    let one = |Metric { name, kind, labels, help, .. }| {
        let labels = labels.iter().copied().map(str::to_owned).collect();
        (name.to_owned(), (kind.as_str().to_owned(), labels, help.to_owned()))
    };
    all().map(one).collect()
}

/// Processes of their own: other tests record metrics of theirs in this one.
#[tokio::test]
async fn the_metrics_are_those_of_the_table() {
    let scrapes = [
        exercised().await,
        with_a_check().await,
        with_tls_and_export().await,
        with_a_reset_call().await,
        with_a_queue().await,
        with_a_blocked_worker().await,
    ];
    let shown = scrapes.each_ref().map(shown);
    let documented = documented();
    for (name, metric) in shown.iter().flatten() {
        assert_eq!(documented.get(name), Some(metric), "{name} is on /metrics");
    }
    for name in documented.keys() {
        let found = shown.iter().any(|shown| shown.contains_key(name));
        assert!(found, "{name} is in the table, and on none of these servers");
    }
}

/// The metrics after a call, a connection that has ended, and one that was refused.
async fn exercised() -> Metrics {
    let settings = [("ROOTCAP_CONNECTION__MAX_CONNECTIONS", "1")];
    let server = Example::start("greeter", &settings).await;
    let mut client = GreeterClient::connect(format!("http://{}", server.address)).await.unwrap();
    client.say_hello(HelloRequest::default()).await.unwrap();
    let _refused = TcpStream::connect(server.address).await.unwrap();
    server.admin.until("rootcap_connections_refused_total", &[], 1.0).await;
    drop(client);
    server.admin.until("rootcap_connections_closed_total", &[], 1.0).await
}

/// The metrics of a server that has a health check.
async fn with_a_check() -> Metrics {
    let path = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    let server = Example::spawn(example::program(path, &[("TEST_CHECK", "yes")])).await;
    server.admin.until("rootcap_health_check_up", &[], 1.0).await
}

/// The metrics of a server one of whose handlers blocks its thread.
async fn with_a_blocked_worker() -> Metrics {
    let server = Example::start("faults", &[]).await;
    let mut client = FaultsClient::connect(format!("http://{}", server.address)).await.unwrap();
    let blocked = tokio::spawn(async move { client.block(BlockRequest { millis: 600_000 }).await });
    let metrics = server.admin.until("rootcap_stalls_total", &[], 1.0).await;
    blocked.abort();
    metrics
}

/// The metrics of a server that has reset a call, whose reader took nothing of it.
async fn with_a_reset_call() -> Metrics {
    let server = Example::start("faults", &[("ROOTCAP_CONNECTION__STALL_TIMEOUT", "100ms")]).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::connect_with(server.address, &builder).await;
    let request = StreamRequest { count: 1, size: 10, interval_millis: 0 };
    let head = raw.head("/rootcap.testing.Faults/Stream");
    let _stalled = raw.begin(head, raw::message(&request)).await.unwrap();
    let stalled = [("reason", "stalled")];
    server.admin.until("rootcap_calls_reset_total", &stalled, 1.0).await
}

/// The metrics of a server with a limit, for which a call has waited in vain.
async fn with_a_queue() -> Metrics {
    let rule = r#"[{ name = "one", limit = 1, queue = 1, queue_timeout = "1ms" }]"#;
    let server = Example::start("faults", &[("ROOTCAP_CONCURRENCY", rule)]).await;
    let mut client = FaultsClient::connect(format!("http://{}", server.address)).await.unwrap();
    let mut other = client.clone();
    let busy = tokio::spawn(async move { other.sleep(SleepRequest { millis: 600_000 }).await });
    server.admin.until("rootcap_limit_in_flight", &[("rule", "one")], 1.0).await;
    client.echo(EchoRequest::default()).await.unwrap_err();
    busy.abort();
    server.admin.until("rootcap_limit_queue_seconds_count", &[("rule", "one")], 1.0).await
}

/// The metrics of a server with TLS, after a handshake that failed, which exports traces to nobody.
async fn with_tls_and_export() -> Metrics {
    let pki = Pki::new();
    let server = pki.server("server");
    let settings = [
        ("ROOTCAP_TLS__CERT", server.cert.to_str().unwrap()),
        ("ROOTCAP_TLS__KEY", server.key.to_str().unwrap()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
    ];
    let server = Example::start("greeter", &settings).await;
    let mut plaintext = TcpStream::connect(server.address).await.unwrap();
    plaintext.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    server.admin.until("rootcap_tls_handshakes_failed_total", &[], 1.0).await
}
