//! Callers cannot add series, whatever they call and however.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rootcap::Running;
use rootcap_tests::{
    admin::Admin,
    metrics::Metrics,
    raw::Raw,
    server::{hourly, services, start, without_descriptors},
    wait,
};

const UNKNOWN: [(&str, &str); 1] = [("grpc_service", "unknown")];

/// How a caller might try to add series.
#[derive(Clone, Copy)]
enum Manner {
    Plain,
    Expired,
    Malformed,
    Abandoned,
}

const TRIES: usize = 10_000;

/// Calls as many random paths as the sentence says, a part of them in each manner.
async fn assault(server: &Running, path: impl Fn(u64) -> String) {
    let raw = Raw::connect(server.local_addr()).await;
    let manners = [Manner::Plain, Manner::Expired, Manner::Malformed, Manner::Abandoned];
    let calls = (0..TRIES).map(|number| {
        let (raw, head) = (raw.clone(), raw.head(&path(number as u64)));
        let head = match manners[number % manners.len()] {
            Manner::Expired => head.header("grpc-timeout", "0n"),
            Manner::Malformed => head.header("grpc-timeout", "soon"),
            _ => head,
        };
        let call = async move {
            match manners[number % manners.len()] {
                Manner::Abandoned => raw.abandon(head).await,
                _ => drop(raw.call(head, Bytes::new()).await.unwrap()),
            }
        };
        wait::for_end("an answer", call)
    });
    stream::iter(calls).for_each_concurrent(10, |call| call).await;
}

fn random(number: u64) -> String {
    format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Every series but those that come with time by themselves, in no order.
fn call_series(metrics: &Metrics) -> Vec<String> {
    let of_calls = metrics.series("grpc_server_").into_iter().chain(metrics.series("rootcap_call"));
    of_calls.map(str::to_owned).collect()
}

async fn adds_no_series(server: Running, path: impl Fn(u64) -> String) {
    let admin = Admin::of(&server);
    let before = call_series(&admin.metrics().await);
    assault(&server, path).await;
    let metrics = admin.at_rest().await;
    assert_eq!(call_series(&metrics), before);
    let started = metrics.sum("grpc_server_started_total", &UNKNOWN);
    let handled = metrics.sum("grpc_server_handled_total", &UNKNOWN);
    assert_eq!(started, handled);
    // What is abandoned at once may never begin.
    assert!((TRIES as f64 * 0.75..=TRIES as f64).contains(&started), "{started} calls are counted");
}

#[tokio::test]
async fn ten_thousand_random_paths_add_no_series() {
    let path =
        |number| format!("/{}.{}/{}", random(number), random(number + 1), random(number + 2));
    adds_no_series(start(|_| {}).await, path).await;
}

#[tokio::test]
async fn ten_thousand_random_methods_of_a_service_add_no_series() {
    let path = |number| format!("/helloworld.Greeter/{}", random(number));
    adds_no_series(start(|_| {}).await, path).await;
}

#[tokio::test]
async fn ten_thousand_random_paths_add_no_series_without_descriptors() {
    let server = without_descriptors().start(services()).await.unwrap();
    adds_no_series(server, |number| format!("/{}", random(number))).await;
}

#[tokio::test]
async fn ten_thousand_random_methods_of_a_service_add_no_series_without_descriptors() {
    let server = without_descriptors().start(services()).await.unwrap();
    adds_no_series(server, |number| format!("/rootcap.testing.Faults/{}", random(number))).await;
}

#[tokio::test]
async fn random_methods_that_a_limit_or_a_layer_refuses_add_no_series() {
    let refuse = |_: tonic::Request<()>| Err(tonic::Status::unauthenticated("no"));
    let server = without_descriptors()
        .configure(|settings| settings.limits.rate = hourly(500))
        .layer(tonic::service::InterceptorLayer::new(refuse))
        .start(services())
        .await
        .unwrap();
    adds_no_series(server, |number| format!("/rootcap.testing.Faults/{}", random(number))).await;
}
