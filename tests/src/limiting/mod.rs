//! Limits: what they refuse, what they leave alone, and what is seen of them.

mod alone;
mod in_flight;
mod rates;

use http::StatusCode;
use rootcap::{Running, config::Config};
use rootcap_proto::testing::{EchoRequest, SleepRequest};
use rootcap_tests::{
    admin::Admin,
    server::{connect, faults, hourly, start},
    wait,
};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;

use crate::reflection::list_v1;

/// What the rate limit refuses with, and the limit on calls in flight.
const RATE: Code = Code::ResourceExhausted;
const IN_FLIGHT: Code = Code::Unavailable;

/// A refusal as all limits give it.
fn is_refusal(status: &Status, code: Code, method: &str) {
    assert_eq!(status.code(), code);
    assert!(status.message().contains(method), "the method is named: {}", status.message());
    let retry = status.get_error_details().retry_info().cloned();
    let delay = retry.expect("there is a RetryInfo").retry_delay.expect("it has a delay");
    assert!(!delay.is_zero());
}

/// Health and reflection are never limited.
async fn builtin_methods_are_well(server: &Running) {
    for _ in 0..5 {
        let services = list_v1(connect(server).await).await.unwrap();
        assert!(services.contains(&"grpc.health.v1.Health".to_owned()));
    }
    health_is_well(server).await;
}

async fn health_is_well(server: &Running) {
    let mut health = HealthClient::new(connect(server).await);
    for _ in 0..50 {
        health.check(HealthCheckRequest::default()).await.unwrap();
    }
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
}

/// A page of the limits, as JSON.
async fn shown(server: &Running, path: &str) -> serde_json::Value {
    let and = if path.contains('?') { '&' } else { '?' };
    let (status, text) = Admin::of(server).get(&format!("{path}{and}format=json")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn counted(server: &Running, method: &str, code: &str, refused: f64) {
    let metrics = Admin::of(server).metrics().await;
    assert_eq!(metrics.handled(method, code), refused);
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused() {
    let limited = |settings: &mut Config| settings.limits.rate = hourly(3);
    let server = start(limited).await;
    let mut client = faults(&server).await;
    for _ in 0..3 {
        client.echo(EchoRequest::default()).await.unwrap();
    }
    for _ in 0..2 {
        is_refusal(
            &client.echo(EchoRequest::default()).await.unwrap_err(),
            RATE,
            "/rootcap.testing.Faults/Echo",
        );
    }
    counted(&server, "Echo", "ResourceExhausted", 2.0).await;
    builtin_methods_are_well(&server).await;
}

#[tokio::test]
async fn a_burst_is_a_setting() {
    let limited = |settings: &mut Config| {
        settings.limits.rate = hourly(100);
        settings.limits.rate_burst = rootcap::config::Auto::Set(2.try_into().unwrap());
    };
    let server = start(limited).await;
    let mut client = faults(&server).await;
    for _ in 0..2 {
        client.echo(EchoRequest::default()).await.unwrap();
    }
    is_refusal(&client.echo(EchoRequest::default()).await.unwrap_err(), RATE, "Echo");
}

#[tokio::test]
async fn calls_beyond_the_limit_in_flight_are_refused() {
    let limited = |settings: &mut Config| settings.limits.concurrency = 2.try_into().ok();
    let server = start(limited).await;
    let admin = Admin::of(&server);
    let mut client = faults(&server).await;
    let sleeping: Vec<_> = (0..2)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.sleep(SleepRequest { millis: 600_000 }).await })
        })
        .collect();
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 2.0).await;
    is_refusal(
        &client.echo(EchoRequest::default()).await.unwrap_err(),
        IN_FLIGHT,
        "/rootcap.testing.Faults/Echo",
    );
    counted(&server, "Echo", "Unavailable", 1.0).await;
    builtin_methods_are_well(&server).await;

    // The slots of calls that end, however they end, are free again.
    sleeping.iter().for_each(tokio::task::JoinHandle::abort);
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 0.0).await;
    wait::for_end("a slot", client.echo(EchoRequest::default())).await.unwrap();
}

#[tokio::test]
async fn a_stream_holds_its_slot_to_its_last_message() {
    let limited = |settings: &mut Config| settings.limits.concurrency = 1.try_into().ok();
    let server = start(limited).await;
    let mut client = faults(&server).await;
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    let chat = client.chat(tokio_stream::wrappers::ReceiverStream::new(receiver)).await;
    let mut replies = chat.unwrap().into_inner();
    is_refusal(&client.echo(EchoRequest::default()).await.unwrap_err(), IN_FLIGHT, "Echo");
    drop(requests);
    assert!(replies.message().await.unwrap().is_none());
    Admin::of(&server).at_rest().await;
    client.echo(EchoRequest::default()).await.unwrap();
}
