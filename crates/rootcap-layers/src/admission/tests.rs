//! A policy that lets calls wait.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};
use tokio_test::task::spawn;
use tonic::Code;
use tower::{ServiceBuilder, layer::layer_fn};

use super::*;
use crate::{
    Methods, RateLimitLayer,
    contract::{Script, Seen, Stack, next},
    observe::ObserveLayer,
    rate_limit::Quota,
};

type Answer = Result<Arc<()>, Refusal>;

/// Every call waits for its turn, which the test gives it.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<Vec<oneshot::Sender<Answer>>>>);

struct Turn(oneshot::Receiver<Answer>);

impl Future for Turn {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.expect("the test answers"))
    }
}

impl Policy for Turns {
    type Permit = Arc<()>;
    type Wait = Turn;

    fn admit(&self, _: &Arrival<'_>, _: impl Fn() -> Instant) -> Decision<Arc<()>, Turn> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap().push(sender);
        Decision::Wait(Turn(receiver))
    }
}

impl Turns {
    fn stack(&self) -> Stack {
        let policy = self.clone();
        Stack::new(layer_fn(move |inner| Admission::new(Some(policy.clone()), inner)))
    }

    fn next(&self) -> oneshot::Sender<Answer> {
        self.0.lock().unwrap().remove(0)
    }
}

#[tokio::test]
async fn a_call_that_waited_is_served_and_holds_its_permit() {
    let turns = Turns::default();
    let stack = turns.stack();
    let mut call = spawn(stack.call(Script::unary()));
    assert!(call.poll().is_pending());
    assert_eq!(stack.probe.served(), 0);

    let permit = Arc::new(());
    let held: Weak<()> = Arc::downgrade(&permit);
    turns.next().send(Ok(permit)).unwrap();
    assert!(call.is_woken());
    let mut body = call.await.unwrap().into_body();
    assert_eq!(stack.probe.served(), 1);
    while next(&mut body).await.is_some() {
        assert!(held.upgrade().is_some());
    }
    drop(body);
    assert!(held.upgrade().is_none());
}

fn refusal() -> Refusal {
    Refusal {
        policy: "turns",
        rule: "one at a time".into(),
        code: Code::Unavailable,
        reason: "it took too long".into(),
        retry_after: Duration::from_secs(1),
        violation: Violation::new(Reason::QueueTimeout, "one at a time", []),
    }
}

#[tokio::test]
async fn a_call_that_waited_in_vain_is_refused() {
    let turns = Turns::default();
    let stack = turns.stack();
    let mut call = spawn(stack.call(Script::stream()));
    assert!(call.poll().is_pending());
    turns.next().send(Err(refusal())).unwrap();
    let seen = Seen::read(call.await.unwrap()).await;
    let message = "/a.B/C: it took too long (rule `one at a time`); retry after 1s";
    assert_eq!((seen.status(), seen.message().as_deref()), (Some("14"), Some(message)));
    assert_eq!(stack.probe.served(), 0);
}

/// The time of a call that had waited counted from its beginning: a rate below refused it for what was long made up for.
#[tokio::test(start_paused = true)]
async fn a_policy_below_is_told_the_time_after_the_wait() {
    let turns = Turns::default();
    let policy = turns.clone();
    let waits = layer_fn(move |inner| Admission::new(Some(policy.clone()), inner));
    let layers = ServiceBuilder::new().layer(observed()).layer(waits);
    once_a_second(&turns, &Stack::new(layers.layer(one_a_second()).into_inner())).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_asked_in_turn_is_told_the_time_after_the_wait() {
    let turns = Turns::default();
    let policies = InTurn::new(Some(turns.clone()), one_a_second().limits().cloned());
    let asked = layer_fn(move |inner| Admission::new(policies.clone(), inner));
    let layers = ServiceBuilder::new().layer(observed()).layer(asked);
    once_a_second(&turns, &Stack::new(layers.into_inner())).await;
}

fn one_a_second() -> RateLimitLayer {
    RateLimitLayer::new(Quota::per_second(NonZeroU32::MIN))
}

fn observed() -> ObserveLayer<()> {
    ObserveLayer::new((), Arc::new(Methods::builder().service("a.B").build()))
}

/// Two calls that began together are served, one a second later than the other.
async fn once_a_second(turns: &Turns, stack: &Stack) {
    let mut calls = [spawn(stack.call(Script::unary())), spawn(stack.call(Script::unary()))];
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    for call in calls {
        turns.next().send(Ok(Arc::default())).unwrap();
        call.await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(stack.probe.served(), 2);
}

/// Two policies that are asked in turn.
fn two_in_turn() -> (Turns, Turns, Stack) {
    let (first, then) = (Turns::default(), Turns::default());
    let policies = InTurn::new(Some(first.clone()), Some(then.clone()));
    let asked = layer_fn(move |inner| Admission::new(policies.clone(), inner));
    (first, then, Stack::new(asked))
}

#[tokio::test]
async fn of_two_policies_the_other_is_asked_once_the_wait_for_the_first_is_over() {
    let (first, then, stack) = two_in_turn();
    let mut call = spawn(stack.call(Script::unary()));
    assert!(call.poll().is_pending());
    assert!(then.0.lock().unwrap().is_empty());

    let permits = [Arc::new(()), Arc::new(())];
    let held = [Arc::downgrade(&permits[0]), Arc::downgrade(&permits[1])];
    for (turns, permit) in [&first, &then].into_iter().zip(permits) {
        assert!(call.poll().is_pending());
        turns.next().send(Ok(permit)).unwrap();
        assert!(call.is_woken());
    }
    let mut body = call.await.unwrap().into_body();
    assert_eq!(stack.probe.served(), 1);
    while next(&mut body).await.is_some() {
        assert!(held.iter().all(|held| held.upgrade().is_some()));
    }
    drop(body);
    assert!(held.iter().all(|held| held.upgrade().is_none()));
}

#[tokio::test]
async fn who_is_refused_by_the_other_gives_back_what_the_first_gave() {
    let (first, then, stack) = two_in_turn();
    let mut call = spawn(stack.call(Script::unary()));
    assert!(call.poll().is_pending());
    let permit = Arc::new(());
    let held = Arc::downgrade(&permit);
    first.next().send(Ok(permit)).unwrap();
    assert!(call.poll().is_pending());
    assert!(held.upgrade().is_some());
    then.next().send(Err(refusal())).unwrap();
    let seen = Seen::read(call.await.unwrap()).await;
    assert_eq!((seen.status(), stack.probe.served()), (Some("14"), 0));
    assert!(held.upgrade().is_none());
}

#[test]
fn of_no_policies_nothing_is_made() {
    assert!(InTurn::<Turns, Turns>::new(None, None).is_none());
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_up_its_place() {
    let turns = Turns::default();
    let stack = turns.stack();
    let mut call = spawn(stack.call(Script::unary()));
    assert!(call.poll().is_pending());
    drop(call);
    assert!(turns.next().is_closed());
    assert_eq!((stack.probe.served(), stack.probe.live()), (0, 0));
}
