//! A test for each sentence of the protocol, on the service itself: no socket, and time stands still.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use proptest::prelude::*;
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

/// Where the user's status, a failing check and a latch meet, each hides and none changes the others.
#[tokio::test]
async fn a_failing_check_hides_what_was_set_and_gives_it_back() {
    let health = ready();
    let mut watch = watch(&health, GREETER).await;
    assert_eq!(watch.next().await, Some(Wire::Serving));
    health.withhold("redis", &[GREETER]);
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    health.set(GREETER, ServingStatus::Serving);
    assert!(watch.is_quiet(), "what is set does not overrule a check");
    health.set(GREETER, ServingStatus::NotServing);
    health.restore("redis", &[GREETER]);
    assert!(watch.is_quiet(), "a check does not overrule what was set");
    health.set(GREETER, ServingStatus::Serving);
    assert_eq!(watch.next().await, Some(Wire::Serving));

    health.withhold("redis", &[GREETER]);
    health.withhold("disk", &[GREETER]);
    health.restore("redis", &[GREETER]);
    assert_eq!(health.status(GREETER), Some(ServingStatus::NotServing));
    assert_eq!(health.known()[1].withheld_by, ["disk"]);
    health.clear(GREETER);
    assert_eq!(health.status(GREETER), None);
    health.restore("disk", &[GREETER]);
    assert_eq!(health.status(GREETER), None, "a check makes no service known");
}

#[tokio::test]
async fn a_latch_makes_the_server_start_until_the_last_clone_is_dropped() {
    let health = Health::new();
    let (warm, migrate) = (health.readiness("warm the cache"), health.readiness("migrate"));
    health.register(GREETER);
    health.ready();
    let mut watch = watch(&health, GREETER).await;
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    assert_eq!(health.not_ready(), ["waiting for: migrate", "waiting for: warm the cache"]);
    drop(migrate);
    let clone = warm.clone();
    drop(warm);
    assert_eq!(health.not_ready(), ["waiting for: warm the cache"]);
    assert_eq!(health.held()[0].holders, 1);
    assert!(watch.is_quiet());
    drop(clone);
    assert!(health.not_ready().is_empty());
    assert_eq!(watch.next().await, Some(Wire::Serving));

    let again = health.readiness("warm the cache");
    assert_eq!(watch.next().await, Some(Wire::NotServing));
    health.shutdown();
    drop(again);
    assert!(watch.is_quiet(), "a drain is not taken back");
}

#[test]
fn what_is_missing_is_named() {
    let health = Health::new();
    let warm = health.readiness("warm the cache");
    assert_eq!(health.not_ready(), ["starting", "waiting for: warm the cache"]);
    drop(warm);
    health.ready();
    health.set("", ServingStatus::NotServing);
    assert_eq!(health.not_ready(), ["not serving"]);
    health.shutdown();
    assert_eq!(health.not_ready(), ["draining"]);
}

#[tokio::test]
async fn a_latch_that_goes_in_a_panic_stays() {
    let health = ready();
    let warm = health.readiness("warm the cache");
    let clone = warm.clone();
    let task = tokio::spawn(async move {
        let _warm = warm;
        tokio::task::yield_now().await;
        panic!("the cache cannot be warmed");
    });
    assert!(task.await.unwrap_err().is_panic());
    assert!(!health.not_ready().is_empty());
    drop(clone);
    assert_eq!(health.not_ready(), ["waiting for: warm the cache"]);
    let [held] = &health.held()[..] else { panic!("{:?}", health.held()) };
    assert_eq!((held.holders, held.panicked), (0, true));
    // What its owner was to do is still not done.
    drop(health.readiness("warm the cache"));
    assert!(!health.not_ready().is_empty());
}

#[tokio::test]
async fn a_latch_of_a_task_that_is_aborted_or_fails_is_released() {
    let health = ready();
    let warm = health.readiness("warm");
    let task = tokio::spawn(async move {
        let _warm = warm;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    task.abort();
    task.await.unwrap_err();
    assert!(health.not_ready().is_empty());
}

#[test]
fn a_long_name_of_a_latch_is_cut() {
    let health = ready();
    let latch = health.readiness(&"\u{20ac}".repeat(100));
    assert_eq!(health.held()[0].name.chars().count(), 42);
    drop(latch);
    assert!(health.not_ready().is_empty());
}

/// What may happen to a [`Health`].
#[derive(Debug, Clone, Copy)]
enum Event {
    Ready,
    Shutdown,
    Set(&'static str, ServingStatus),
    Withhold(&'static str, &'static str),
    Restore(&'static str, &'static str),
    Hold(&'static str),
    Release,
}

fn events() -> impl Strategy<Value = Event> {
    let service = || prop::sample::select(vec!["", GREETER]);
    let name = || prop::sample::select(vec!["a", "b"]);
    let status = prop::sample::select(vec![ServingStatus::Serving, ServingStatus::NotServing]);
    prop_oneof![
        2 => Just(Event::Ready),
        1 => Just(Event::Shutdown),
        4 => (service(), status).prop_map(|(service, status)| Event::Set(service, status)),
        4 => (name(), service()).prop_map(|(check, service)| Event::Withhold(check, service)),
        4 => (name(), service()).prop_map(|(check, service)| Event::Restore(check, service)),
        2 => name().prop_map(Event::Hold),
        2 => Just(Event::Release),
    ]
}

proptest! {
    /// `/readyz` and the health of the empty name agree; a service is serving exactly while nothing hides it; and
    /// a watcher is woken for each change that it can see.
    #[test]
    fn a_service_is_serving_exactly_while_nothing_says_otherwise(
        events in prop::collection::vec(events(), 0..60)
    ) {
        let health = Health::new();
        health.register(GREETER);
        let mut phase = (false, false);
        let mut set = BTreeMap::from([("", ServingStatus::Serving), (GREETER, ServingStatus::Serving)]);
        let (mut withheld, mut latches) = (BTreeSet::new(), Vec::new());
        for event in events {
            let watch = health.state.subscribe();
            let before = ["", GREETER].map(|service| health.status(service));
            match event {
                Event::Ready => { health.ready(); phase.0 = true; }
                Event::Shutdown => { health.shutdown(); phase.1 = true; }
                Event::Set(service, status) => { health.set(service, status); set.insert(service, status); }
                Event::Withhold(check, service) => { health.withhold(check, &[service]); withheld.insert((service, check)); }
                Event::Restore(check, service) => { health.restore(check, &[service]); withheld.remove(&(service, check)); }
                Event::Hold(name) => latches.push(health.readiness(name)),
                Event::Release => drop(latches.pop()),
            }
            let up = phase == (true, false) && latches.is_empty();
            for service in ["", GREETER] {
                let hidden = !up || withheld.iter().any(|(of, _)| *of == service);
                let expected = if hidden { ServingStatus::NotServing } else { set[service] };
                prop_assert_eq!(health.status(service), Some(expected));
            }
            prop_assert_eq!(health.not_ready().is_empty(), health.status("") == Some(ServingStatus::Serving));
            let after = ["", GREETER].map(|service| health.status(service));
            prop_assert!(watch.has_changed().unwrap() || before == after);
        }
    }
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
