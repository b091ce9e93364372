//! Which part of the calls leaves the process.

use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{
    example::Example,
    otlp::{Rotel, Sink},
    wait,
};
use tonic::Request;

use super::{call_all, call_each, channel, numbers};

#[tokio::test(flavor = "multi_thread")]
async fn the_ratio_holds() {
    const CALLS: u64 = 5_000;
    const RATIO: f64 = 0.2;
    let sink = Sink::start().await;
    let Some(rotel) = Rotel::start(&sink).await else { return };
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*rotel.endpoint()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.2"),
    ];
    let server = Example::start("greeter", &settings).await;
    let channel = channel(&server).await;
    assert_eq!(
        call_each(&channel, 1..CALLS + 1, |_| Request::new(HelloRequest::default())).await,
        0
    );
    // The last one, whose caller wants it.
    assert_eq!(call_all(&channel, 7..8).await, 0);
    sink.until("the last span", |got| (numbers(got) == [7]).then_some(())).await;
    let exported = server.admin.metrics().await.sum("rootcap_otlp_exported_total", &[]);
    let all = async || (sink.got(|got| got.spans.len()) as f64 == exported).then_some(());
    wait::until("all spans", all).await;
    let (mean, deviation) = (CALLS as f64 * RATIO, (CALLS as f64 * RATIO * (1.0 - RATIO)).sqrt());
    assert!((exported - 1.0 - mean).abs() < 4.5 * deviation, "{exported}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_sample_does_not_leave() {
    let sink = Sink::start().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*sink.endpoint())];
    let mut server = Example::start("greeter", &settings).await;
    let channel = channel(&server).await;
    let not_sampled = |number: u64| {
        let mut request = Request::new(HelloRequest::default());
        let value = format!("00-{number:032x}-{number:016x}-00");
        request.metadata_mut().insert("traceparent", value.parse().unwrap());
        request
    };
    assert_eq!(call_each(&channel, 1..101, not_sampled).await, 0);
    assert_eq!(call_all(&channel, 1..11).await, 0);
    server.signal("TERM");
    assert!(server.wait().await.success());
    assert_eq!(sink.got(|got| (got.spans.len(), numbers(got).len())), (10, 10));
}
