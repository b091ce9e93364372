//! How what the program says of a service meets what hides it: the phase, latches and failing checks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

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
