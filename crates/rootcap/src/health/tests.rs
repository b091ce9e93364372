//! A test for each sentence of the protocol, on the service itself: no socket, and time stands still.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod combined;

use std::collections::BTreeMap;

use futures_util::StreamExt;
use tokio_test::{assert_pending, task};
use tonic::codegen::BoxStream;
use tonic::{Code, Request, Status};

use super::generated::health_check_response::ServingStatus as Wire;
use super::generated::health_server::Health as _;
use super::generated::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use super::service::{HealthService, MAX_REQUEST_BYTES, MAX_WATCHES};
use super::{Health, ServingStatus};

const GREETER: &str = "helloworld.Greeter";

/// A server that has started, with one service.
fn ready() -> Health {
    let health = Health::new();
    health.register(GREETER);
    health.ready();
    health
}

fn request(service: &str) -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest { service: service.to_owned() })
}

async fn check(health: &Health, service: &str) -> Result<Wire, Status> {
    let answer = HealthService::new(health.clone(), 1).check(request(service)).await?;
    Ok(answer.into_inner().status())
}

async fn list(health: &Health) -> Result<BTreeMap<String, Wire>, Status> {
    let service = HealthService::new(health.clone(), 1);
    let answer = service.list(Request::new(HealthListRequest {})).await?;
    let statuses = answer.into_inner().statuses;
    let named = statuses.into_iter().map(|(name, answer)| (name, answer.status()));
    Ok(named.collect())
}

async fn watch(health: &Health, service: &str) -> Watch {
    let service_ = HealthService::new(health.clone(), 1);
    Watch(task::spawn(service_.watch(request(service)).await.unwrap().into_inner()))
}

/// An open `Watch`, polled by hand: what is not there at once is not there.
struct Watch(task::Spawn<BoxStream<HealthCheckResponse>>);

impl Watch {
    async fn next(&mut self) -> Option<Wire> {
        let answer = self.0.next().await?;
        Some(answer.unwrap().status())
    }

    fn is_quiet(&mut self) -> bool {
        self.0.poll_next().is_pending()
    }
}

#[tokio::test]
async fn check_answers_the_status_of_a_service() {
    let health = ready();
    assert_eq!(check(&health, GREETER).await.unwrap(), Wire::Serving);
    health.set(GREETER, ServingStatus::NotServing);
    assert_eq!(check(&health, GREETER).await.unwrap(), Wire::NotServing);
}

#[tokio::test]
async fn check_of_an_unknown_service_is_not_found() {
    let status = check(&ready(), "no.Such").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn names_are_matched_exactly() {
    let health = ready();
    for name in ["helloworld", "helloworld.*", "HELLOWORLD.GREETER"] {
        let status = check(&health, name).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{name}");
    }
}

#[tokio::test]
async fn the_empty_name_is_the_whole_server() {
    let health = ready();
    assert_eq!(check(&health, "").await.unwrap(), Wire::Serving);
    health.set("", ServingStatus::NotServing);
    assert_eq!(check(&health, "").await.unwrap(), Wire::NotServing);
    assert_eq!(check(&health, GREETER).await.unwrap(), Wire::Serving);
}

#[tokio::test]
async fn nothing_serves_before_the_server_is_ready() {
    let health = Health::new();
    health.register(GREETER);
    health.set("", ServingStatus::Serving);
    assert_eq!(check(&health, "").await.unwrap(), Wire::NotServing);
    assert_eq!(check(&health, GREETER).await.unwrap(), Wire::NotServing);
    health.ready();
    assert_eq!(check(&health, "").await.unwrap(), Wire::Serving);
    assert_eq!(check(&health, GREETER).await.unwrap(), Wire::Serving);
}

#[tokio::test]
async fn what_was_set_before_the_start_is_kept() {
    let health = Health::new();
    health.set(GREETER, ServingStatus::NotServing);
    health.register(GREETER);
    health.ready();
    assert_eq!(check(&health, GREETER).await.unwrap(), Wire::NotServing);
    assert_eq!(check(&health, "").await.unwrap(), Wire::Serving);
}

#[tokio::test]
async fn a_cleared_service_is_unknown() {
    let health = ready();
    health.clear(GREETER);
    assert_eq!(health.status(GREETER), None);
    let status = check(&health, GREETER).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn the_whole_server_is_always_known() {
    let health = ready();
    health.set("", ServingStatus::NotServing);
    health.clear("");
    assert_eq!(check(&health, "").await.unwrap(), Wire::Serving);
}

#[tokio::test]
async fn a_generated_service_is_named_by_its_type() {
    use rootcap_proto::testing::faults_server::FaultsServer;
    let health = ready();
    health.set_service::<FaultsServer<()>>(ServingStatus::NotServing);
    let status = health.status("rootcap.testing.Faults");
    assert_eq!(status, Some(ServingStatus::NotServing));
}

#[tokio::test]
async fn list_answers_every_status() {
    let health = ready();
    health.set("a.B", ServingStatus::NotServing);
    let expected = BTreeMap::from([
        (String::new(), Wire::Serving),
        ("a.B".to_owned(), Wire::NotServing),
        (GREETER.to_owned(), Wire::Serving),
    ]);
    assert_eq!(list(&health).await.unwrap(), expected);
}

#[tokio::test]
async fn list_of_more_than_100_services_is_resource_exhausted() {
    let health = ready();
    for index in 0..98 {
        health.set(&format!("service.{index}"), ServingStatus::Serving);
    }
    assert_eq!(list(&health).await.unwrap().len(), 100);
    health.set("one.More", ServingStatus::Serving);
    let status = list(&health).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("101"), "{}", status.message());
}

#[tokio::test]
async fn watch_sends_the_present_status_at_once_and_then_each_change() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    assert_eq!(watch.next().await, Some(Wire::Serving));
    assert!(watch.is_quiet());

    health.set(GREETER, ServingStatus::NotServing);
    assert!(watch.0.is_woken());
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    assert!(watch.is_quiet());
}

#[tokio::test]
async fn watch_sends_nothing_when_nothing_changed() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    watch.next().await.unwrap();
    assert!(watch.is_quiet());

    health.set(GREETER, ServingStatus::Serving);
    assert!(!watch.0.is_woken(), "the same status again is no change");
    health.set("an.Other", ServingStatus::NotServing);
    assert!(watch.is_quiet(), "another service's change is not ours");
}

#[tokio::test]
async fn watch_of_an_unknown_service_stays_open_until_it_is_known() {
    let health = ready();
    let mut watch = watch(&health, "late.Service").await;
    assert_eq!(watch.next().await, Some(Wire::ServiceUnknown));
    assert!(watch.is_quiet());

    health.set("late.Service", ServingStatus::Serving);
    assert_eq!(watch.next().await, Some(Wire::Serving));
    health.clear("late.Service");
    assert_eq!(watch.next().await, Some(Wire::ServiceUnknown));
    assert!(watch.is_quiet());
}

#[tokio::test]
async fn watching_makes_no_service_known() {
    let health = ready();
    let mut watch = watch(&health, "callers.Invention").await;
    watch.next().await.unwrap();
    assert_eq!(health.status("callers.Invention"), None);
    assert_eq!(list(&health).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_slow_watcher_gets_the_latest_status_only() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    watch.next().await.unwrap();
    for _ in 0..1_000 {
        health.set(GREETER, ServingStatus::Serving);
        health.set(GREETER, ServingStatus::NotServing);
    }
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    assert!(watch.is_quiet());
}

#[tokio::test]
async fn a_shutdown_is_told_to_watchers_and_is_for_good() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    watch.next().await.unwrap();

    health.shutdown();
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    health.set(GREETER, ServingStatus::Serving);
    health.set("new.Service", ServingStatus::Serving);
    health.ready();
    assert!(watch.is_quiet(), "a drain is not taken back");
    for service in ["", GREETER, "new.Service"] {
        assert_eq!(check(&health, service).await.unwrap(), Wire::NotServing);
    }
}

#[tokio::test]
async fn ended_watches_are_told_their_last_status_first() {
    let health = ready();
    let mut known = watch(&health, GREETER).await;
    let mut unknown = watch(&health, "no.Such").await;
    known.next().await.unwrap();
    unknown.next().await.unwrap();

    health.shutdown();
    health.end_watches();
    assert_eq!(known.next().await, Some(Wire::NotServing));
    assert_eq!(known.next().await, None);
    assert_eq!(unknown.next().await, None);
}

#[tokio::test]
async fn a_pending_watch_wakes_up_to_end() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    watch.next().await.unwrap();
    assert!(watch.is_quiet());
    health.end_watches();
    assert!(watch.0.is_woken());
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watch_that_comes_too_late_is_told_the_status_and_ends() {
    let health = ready();
    health.shutdown();
    health.end_watches();
    let mut watch = watch(&health, GREETER).await;
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_watch_of_a_server_that_is_gone_ends() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    watch.next().await.unwrap();
    drop(health);
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn open_watches_are_bounded_and_a_dropped_one_frees_its_place() {
    let service = HealthService::new(ready(), MAX_WATCHES);
    let mut open = Vec::new();
    for _ in 0..MAX_WATCHES {
        open.push(service.clone().watch(request(GREETER)).await.unwrap());
    }
    let status = service.watch(request(GREETER)).await.err().unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);

    open.pop();
    assert!(service.watch(request(GREETER)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_watch_stays_open_for_as_long_as_its_caller_likes() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    watch.next().await.unwrap();
    assert_pending!(watch.0.poll_next());
    tokio::time::advance(std::time::Duration::from_secs(86_400)).await;
    assert!(!watch.0.is_woken());
    health.set(GREETER, ServingStatus::NotServing);
    assert_eq!(watch.next().await, Some(Wire::NotServing));
}

/// Calls the generated server, as the router does.
async fn call<Q, A>(health: &Health, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: prost::Message + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(health.service());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    let codec = tonic_prost::ProstCodec::<Q, A>::default();
    let answer = client.unary(Request::new(request), path, codec).await?;
    Ok(answer.into_inner())
}

#[tokio::test]
async fn the_server_answers_under_the_protocols_paths() {
    let health = ready();
    let asked = HealthCheckRequest { service: GREETER.to_owned() };
    let checked: HealthCheckResponse =
        call(&health, "/grpc.health.v1.Health/Check", asked).await.unwrap();
    assert_eq!(checked.status(), Wire::Serving);
    let listed: HealthListResponse =
        call(&health, "/grpc.health.v1.Health/List", HealthListRequest {}).await.unwrap();
    assert_eq!(listed.statuses.len(), 2);
}

#[tokio::test]
async fn a_name_that_no_service_can_have_is_not_even_read() {
    let asked = HealthCheckRequest { service: "x".repeat(MAX_REQUEST_BYTES) };
    let answer: Result<HealthCheckResponse, _> =
        call(&ready(), "/grpc.health.v1.Health/Check", asked).await;
    assert_eq!(answer.unwrap_err().code(), Code::OutOfRange);
}
