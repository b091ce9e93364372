//! What `/metrics` shows of calls, and what callers cannot make it show.

use std::process::Stdio;

use futures_util::StreamExt;
use metrics::counter;
use rootcap_proto::testing::{EchoRequest, FailMidStreamRequest, FailRequest, StreamRequest};
use rootcap_tests::{
    admin::Admin,
    programs,
    server::{faults, services, start, without_descriptors},
};
use tokio::io::AsyncWriteExt;
use tonic::Code;

const UNKNOWN: [(&str, &str); 1] = [("grpc_service", "unknown")];

#[tokio::test]
async fn all_methods_of_the_descriptors_are_there_from_the_start() {
    let server = start(|_| {}).await;
    let metrics = Admin::of(&server).metrics().await;
    let expected = [
        ("unary", "helloworld.Greeter", "SayHello"),
        ("unary", "rootcap.testing.Faults", "Echo"),
        ("client_stream", "rootcap.testing.Faults", "Collect"),
        ("server_stream", "rootcap.testing.Faults", "Stream"),
        ("bidi_stream", "rootcap.testing.Faults", "Chat"),
        ("server_stream", "grpc.health.v1.Health", "Watch"),
    ];
    for (kind, service, method) in expected {
        let labels =
            format!(r#"grpc_type="{kind}",grpc_service="{service}",grpc_method="{method}""#);
        for name in ["started", "msg_received", "msg_sent"] {
            let series = format!("grpc_server_{name}_total{{{labels}}} 0\n");
            assert!(metrics.text().contains(&series), "{series} is missing");
        }
        let codes = metrics.series(&format!("grpc_server_handled_total{{{labels}"));
        assert_eq!(codes.len(), 17, "{codes:?}");
        let buckets = metrics.series(&format!("grpc_server_handling_seconds_bucket{{{labels}"));
        assert_eq!(buckets.len(), 12, "{buckets:?}");
    }
}

#[tokio::test]
async fn calls_and_messages_are_counted() {
    let server = start(|_| {}).await;
    let mut client = faults(&server).await;
    for code in [5, 5, 3] {
        client.fail(FailRequest { code, message: String::new() }).await.unwrap_err();
    }
    let request = StreamRequest { count: 1_000, size: 1, interval_millis: 0 };
    let replies = client.stream(request).await.unwrap().into_inner();
    assert_eq!(replies.count().await, 1_000);

    let admin = Admin::of(&server);
    let metrics = admin.at_rest().await;
    assert_eq!(metrics.codes("Fail"), [("InvalidArgument", 1.0), ("NotFound", 2.0)]);
    assert_eq!(metrics.codes("Stream"), [("OK", 1.0)]);
    let sum = |name, method| metrics.sum(name, &[("grpc_method", method)]);
    assert_eq!(sum("grpc_server_started_total", "Fail"), 3.0);
    assert_eq!(sum("grpc_server_handling_seconds_count", "Fail"), 3.0);
    assert_eq!(sum("grpc_server_msg_received_total", "Fail"), 3.0);
    assert_eq!(sum("grpc_server_msg_sent_total", "Fail"), 0.0);
    assert_eq!(sum("grpc_server_msg_received_total", "Stream"), 1.0);
    assert_eq!(sum("grpc_server_msg_sent_total", "Stream"), 1_000.0);
    // Five bytes of prefix, one of the field, one of the length, one of payload.
    assert_eq!(sum("rootcap_call_sent_bytes_total", "Stream"), 8_000.0);
}

#[tokio::test]
async fn a_stream_that_fails_in_its_trailers_counts_with_its_code() {
    let server = start(|_| {}).await;
    let request = FailMidStreamRequest { after: 2, code: Code::DataLoss as i32 };
    let mut replies = faults(&server).await.fail_mid_stream(request).await.unwrap().into_inner();
    while let Ok(Some(_)) = replies.message().await {}
    let metrics = Admin::of(&server).at_rest().await;
    assert_eq!(metrics.codes("FailMidStream"), [("DataLoss", 1.0)]);
}

#[tokio::test]
async fn without_descriptors_a_method_appears_with_its_first_answer() {
    let server = without_descriptors().start(services()).await.unwrap();
    let admin = Admin::of(&server);
    let labels = [
        ("grpc_type", "unknown"),
        ("grpc_service", "rootcap.testing.Faults"),
        ("grpc_method", "Echo"),
    ];
    assert_eq!(admin.metrics().await.sum("grpc_server_started_total", &labels), 0.0);
    faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    let metrics = admin.until("grpc_server_handled_total", &labels, 1.0).await;
    assert_eq!(metrics.sum("grpc_server_started_total", &labels), 1.0);
    assert_eq!(metrics.codes("Echo"), [("OK", 1.0)]);
    assert_eq!(metrics.sum("grpc_server_started_total", &UNKNOWN), 0.0);
}

#[tokio::test]
async fn the_table_of_methods_has_a_cap() {
    let capped = |settings: &mut rootcap::config::Config| settings.metrics.max_methods = 1;
    let server = without_descriptors().configure(capped).start(services()).await.unwrap();
    faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    let metrics = Admin::of(&server).until("grpc_server_handled_total", &UNKNOWN, 1.0).await;
    assert!(metrics.sum("rootcap_methods_refused_total", &[]) >= 1.0);
}

#[tokio::test]
async fn promtool_finds_nothing_to_say() {
    let Some(promtool) = programs::find("promtool") else { return };
    let server = start(|_| {}).await;
    let mut client = faults(&server).await;
    client.echo(EchoRequest::default()).await.unwrap();
    client.fail(FailRequest { code: 5, message: String::new() }).await.unwrap_err();
    let text = Admin::of(&server).metrics().await.text().to_owned();
    // Metrics of other tests in this process, and what their authors named them, are not the server's.
    let mut child = tokio::process::Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(output.status.success());
}

#[tokio::test]
async fn the_users_own_metrics_the_process_and_the_runtime_are_there() {
    let server = start(|_| {}).await;
    metrics::describe_counter!("test_sandwiches_total", "Sandwiches eaten.");
    counter!("test_sandwiches_total", "with" => "cheese").increment(3);
    let metrics = Admin::of(&server).metrics().await;
    assert_eq!(metrics.sum("test_sandwiches_total", &[("with", "cheese")]), 3.0);
    for name in
        ["process_resident_memory_bytes", "process_cpu_seconds_total", "rootcap_runtime_workers"]
    {
        assert!(metrics.sum(name, &[]) > 0.0 || name == "process_cpu_seconds_total", "{name}");
        assert!(!metrics.series(name).is_empty(), "{name}");
    }
}
