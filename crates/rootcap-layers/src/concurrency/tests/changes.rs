//! Bounds that change while calls are in flight, and rules that only observe.

use tokio_test::task::spawn;

use super::*;
use crate::admission::Mode;

fn one(queue: usize) -> ConcurrencyLayer {
    layer([ConcurrencyRule::new("one", max(1)).queue(queue, Duration::from_secs(60))])
}

fn change(layer: &ConcurrencyLayer, change: impl FnOnce(&mut Bounds)) {
    let rules = layer.limits().unwrap();
    let old = state(layer).bounds;
    let mut new = old;
    change(&mut new);
    assert_eq!(rules.change("one", |_| new), Some((old, new)));
    assert_eq!(state(layer).bounds, new);
    assert_eq!(rules.change("another", |_| unreachable!("there is none")), None);
}

#[tokio::test(start_paused = true)]
async fn a_higher_limit_wakes_those_who_wait() {
    let layer = one(10);
    let stack = Stack::new(layer.clone());
    let _open = stack.call(open()).await.unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| spawn(stack.call(open()))).collect();
    assert!(waiting.iter_mut().all(|call| call.poll().is_pending()));
    change(&layer, |bounds| bounds.limit = max(3));
    assert_eq!(waiting.iter().map(|call| call.is_woken()).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!((in_flight(&layer), state(&layer).waiting), (3, 1));
}

#[tokio::test]
async fn a_lower_limit_takes_effect_as_calls_end() {
    let layer = layer([ConcurrencyRule::new("one", max(3))]);
    let stack = Stack::new(layer.clone());
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(stack.call(open()).await.unwrap());
    }
    change(&layer, |bounds| bounds.limit = max(1));
    for left in [2, 1] {
        drop(held.pop());
        assert_eq!(in_flight(&layer), left);
        assert!(stack.call(Script::unary()).await.unwrap().headers().contains_key("grpc-status"));
    }
    drop(held);
    assert!(!stack.call(Script::unary()).await.unwrap().headers().contains_key("grpc-status"));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_when_a_rule_begins_only_to_observe() {
    let layer = one(10);
    let stack = Stack::new(layer.clone());
    let _open = stack.call(open()).await.unwrap();
    let mut waiting = spawn(stack.call(open()));
    assert!(waiting.poll().is_pending());
    change(&layer, |bounds| bounds.mode = Mode::Observe);
    assert!(waiting.is_woken());
    let _served = waiting.await.unwrap();
    assert_eq!((in_flight(&layer), stack.probe.served()), (2, 2));
}

/// With a queue, those that would wait there are not counted as refused.
#[tokio::test]
async fn a_rule_that_observes_lets_all_pass_and_counts_those_it_would_refuse() {
    for (queue, would_refuse) in [(0, 4), (3, 1)] {
        let rule = ConcurrencyRule::new("one", max(1))
            .queue(queue, Duration::from_secs(1))
            .mode(Mode::Observe);
        let layer = layer([rule]);
        let stack = Stack::new(layer.clone());
        let mut held = Vec::new();
        for _ in 0..5 {
            held.push(stack.call(open()).await.unwrap());
        }
        assert_eq!(stack.probe.served(), 5);
        let counts = state(&layer).counts;
        assert_eq!((counts.observed, counts.refused), (would_refuse, 0), "{counts:?}");
        drop(held);
        assert_eq!(in_flight(&layer), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_queue_takes_no_more_and_sends_nobody_away() {
    let layer = one(2);
    let stack = Stack::new(layer.clone());
    let open_call = stack.call(open()).await.unwrap();
    let mut waiting: Vec<_> = (0..2).map(|_| spawn(stack.call(Script::unary()))).collect();
    assert!(waiting.iter_mut().all(|call| call.poll().is_pending()));
    change(&layer, |bounds| bounds.queue = 0);
    assert!(stack.call(Script::unary()).await.unwrap().headers().contains_key("grpc-status"));
    drop(open_call);
    for _ in 0..2 {
        let at = waiting.iter().position(|call| call.is_woken()).unwrap();
        drop(waiting.remove(at).await.unwrap());
    }
    assert_eq!(stack.probe.served(), 3);
}
