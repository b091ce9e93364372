//! The log leaves the process.

use std::collections::BTreeSet;

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    example::{self, Example},
    otlp::{Rotel, Sink, attribute},
};
use serde_json::{Map, Value};

use super::{call_all, channel, parent};

#[tokio::test(flavor = "multi_thread")]
async fn events_and_the_ends_of_calls_arrive_with_the_keys_of_the_log() {
    let sink = Sink::start().await;
    let Some(rotel) = Rotel::start(&sink).await else { return };
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*rotel.endpoint()), ("OTEL_LOGS_EXPORTER", "otlp")];
    let program = example::program(env!("CARGO_BIN_EXE_rootcap-test-server").as_ref(), &settings);
    let mut server = Example::spawn(program).await;
    assert_eq!(call_all(&channel(&server).await, 5..6).await, 0);
    server.signal("TERM");
    assert!(server.wait().await.success());
    let records = sink
        .until("the last record", |got| {
            let is_last = |body: &str| got.records.iter().any(|record| text(record) == body);
            (is_last("drained") && is_last("finished call")).then(|| got.records.clone())
        })
        .await;
    let messages: Vec<_> = records.iter().map(text).collect();
    assert!(!messages.contains(&"started call".to_owned()), "{messages:?}");
    let logged: Vec<Map<String, Value>> = server
        .lines()
        .iter()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (message, traced) in [("handling", true), ("finished call", true), ("drained", false)] {
        let record = records.iter().find(|record| text(record) == message).unwrap();
        let line = logged.iter().find(|line| line["message"] == message).unwrap();
        let keys: BTreeSet<_> =
            record.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        let apart = ["timestamp", "level", "message", "trace_id", "span_id"];
        let expected: BTreeSet<_> =
            line.keys().map(String::as_str).filter(|key| !apart.contains(key)).collect();
        assert_eq!(keys, expected, "{message}");
        assert_eq!((record.severity_number, &*record.severity_text), (9, "INFO"));
        assert!(record.time_unix_nano > 1_600_000_000_000_000_000);
        let trace = if traced { parent(5).0.to_be_bytes().to_vec() } else { Vec::new() };
        assert_eq!(record.trace_id, trace, "{message}");
    }
    let finished = records.iter().find(|record| text(record) == "finished call").unwrap();
    assert_eq!(attribute(&finished.attributes, "grpc.code").unwrap(), "OK");
    let span = sink
        .until("the call's span", |got| {
            let mut spans = got.spans.iter();
            spans
                .find(|span| span.name == "helloworld.Greeter/SayHello")
                .map(|it| it.span_id.clone())
        })
        .await;
    assert_eq!(finished.span_id, span, "log and trace are found from each other");
}

fn text(record: &opentelemetry_proto::tonic::logs::v1::LogRecord) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

/// With the log at its most talkative, an export of the log is itself a great deal of log.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_export_itself_logs_is_not_exported() {
    let sink = Sink::start().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.endpoint()),
        ("OTEL_LOGS_EXPORTER", "otlp"),
        ("ROOTCAP_OTLP__INTERVAL", "10ms"),
        ("RUST_LOG", "trace"),
    ];
    let mut server = Example::start("greeter", &settings).await;
    let mut client = GreeterClient::new(channel(&server).await);
    client.say_hello(HelloRequest::default()).await.unwrap();
    drop(client);
    // A dozen exports, each of which logs.
    sink.until("exports", |got| (got.records.len() > 100).then_some(())).await;
    server.signal("TERM");
    assert!(server.wait().await.success());
    let address = sink.address.to_string();
    let of_the_export = |record: &opentelemetry_proto::tonic::logs::v1::LogRecord| {
        record.attributes.iter().any(|attribute| format!("{attribute:?}").contains(&address))
            || text(record).contains(&address)
            || text(record).contains("opentelemetry.proto.collector")
    };
    let seen = sink.got(|got| got.records.iter().find(|record| of_the_export(record)).cloned());
    // What is said at the start about the settings may name the collector; nothing else does.
    assert_eq!(seen.map(|record| text(&record)), None);
    let local = server.lines().iter().filter(|line| line.contains("h2::")).count();
    assert!(local > 0, "the log itself has it");
}
