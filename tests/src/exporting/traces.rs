//! Spans of calls, at a real collector.

use std::{collections::BTreeSet, time::Instant};

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use rootcap_tests::{
    example::Example,
    otlp::{Rotel, Sink, attribute},
};

use super::{call_all, channel, numbers};

#[tokio::test(flavor = "multi_thread")]
async fn calls_arrive_with_the_trace_and_the_parent_that_their_callers_gave() {
    const CALLS: u64 = 5_000;
    let sink = Sink::start().await;
    let Some(rotel) = Rotel::start(&sink).await else { return };
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*rotel.endpoint())];
    let server = Example::start("greeter", &settings).await;
    assert_eq!(call_all(&channel(&server).await, 1..CALLS + 1).await, 0);
    let all = sink
        .until("all spans", |got| {
            let numbers = numbers(got);
            (numbers.len() as u64 >= CALLS).then_some(numbers)
        })
        .await;
    assert_eq!(all.len() as u64, CALLS, "none comes twice");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), (1..CALLS + 1).collect());
    let metrics = server.admin.metrics().await;
    for (name, count) in [("exported", CALLS as f64), ("dropped", 0.0), ("failed", 0.0)] {
        let name = format!("rootcap_otlp_{name}_total");
        assert_eq!(metrics.sum(&name, &[("signal", "traces")]), count, "{name}");
    }
    sink.got(|got| got.spans.iter().for_each(is_whole));
}

/// What every span of a call has.
fn is_whole(span: &Span) {
    assert_eq!(span.kind, SpanKind::Server as i32);
    assert_eq!(span.span_id.len(), 8);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    assert_eq!(attribute(&span.attributes, "rpc.method").unwrap(), "helloworld.Greeter/SayHello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_says_which_process_it_is_and_headers_go_along() {
    let sink = Sink::start().await;
    let endpoint = sink.endpoint().replace("://", "://user:pass%40word@");
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a%2Cb"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=overridden,service.namespace=shop,team=a%20b"),
        ("OTEL_SERVICE_NAME", "greeter-of-test"),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
        ("ROOTCAP_DRAIN__LAME_DUCK", "0s"),
        ("POD_NAME", "greeter-0"),
    ];
    let mut server = Example::start("greeter", &settings).await;
    assert_eq!(call_all(&channel(&server).await, 1..2).await, 0);
    sink.until("the span", |got| got.spans.first().cloned()).await;
    let (_, config) = server.admin.get("/debug/config").await;
    server.signal("TERM");
    assert!(server.wait().await.success());
    let got = sink.got(Clone::clone);
    for (name, value) in [
        ("service.name", "greeter-of-test"),
        ("service.namespace", "shop"),
        ("team", "a b"),
        ("k8s.pod.name", "greeter-0"),
        ("process.executable.name", "greeter"),
        ("process.pid", &*server_pid(&got.resource.attributes)),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(attribute(&got.resource.attributes, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(got.metadata.get("x-tenant").unwrap(), "a,b");
    assert_eq!(got.metadata.get("authorization").unwrap(), "Basic dXNlcjpwYXNzQHdvcmQ=");
    let shown = server.lines().join("\n") + &config;
    assert!(shown.contains("***@") && !shown.contains("pass%40"), "{shown}");
    assert!(!shown.contains("a,b") && !shown.contains("a%2Cb"), "{shown}");
    let ratio = config.lines().find(|line| line.starts_with("trace.ratio")).unwrap();
    assert!(ratio.contains("\"auto\" (1.0)"), "{ratio}");
}

fn server_pid(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> String {
    attribute(attributes, "process.pid").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_leaves_before_the_process_does() {
    let sink = Sink::start().await;
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.endpoint()), ("ROOTCAP_OTLP__INTERVAL", "1h")];
    let mut server = Example::start("greeter", &settings).await;
    assert_eq!(call_all(&channel(&server).await, 1..101).await, 0);
    assert!(sink.got(|got| got.spans.is_empty()));
    server.signal("TERM");
    assert!(server.wait().await.success(), "{:?}", server.lines());
    assert_eq!(sink.got(|got| numbers(got).len()), 100);
    assert_eq!(sink.got(|got| got.batches.clone()), [100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_or_is_not_there_holds_the_end_of_the_process_for_seconds_only() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let hangs = format!("http://{}", silent.local_addr().unwrap());
    for (endpoint, at_most) in [(&*hangs, 8), ("http://127.0.0.1:9", 3)] {
        let settings =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("ROOTCAP_OTLP__INTERVAL", "1h")];
        let mut server = Example::start("greeter", &settings).await;
        assert_eq!(call_all(&channel(&server).await, 1..101).await, 0);
        let begin = Instant::now();
        server.signal("TERM");
        assert!(server.wait().await.success(), "{:?}", server.lines());
        assert!(begin.elapsed().as_secs() < at_most, "{:?}", begin.elapsed());
        let lines = server.lines().join("\n");
        assert!(
            lines.contains("not all was exported in time") || lines.contains("cannot export"),
            "{lines}"
        );
        assert!(lines.contains("100"), "how much was lost: {lines}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait_for_a_collector_that_hangs() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut server =
        Example::start("greeter", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint)]).await;
    assert_eq!(call_all(&channel(&server).await, 1..11).await, 0);
    server.signal("TERM");
    server.line("the drain's end", |line| line.contains("\"drained\"")).await;
    let begin = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait().await.code(), Some(143), "{:?}", server.lines());
    assert!(begin.elapsed().as_secs() < 3, "{:?}", begin.elapsed());
}
