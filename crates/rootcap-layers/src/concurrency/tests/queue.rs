//! Calls that wait, with the clock stopped.

use std::sync::Mutex;

use tokio::time::advance;
use tokio_test::task::{Spawn, spawn};

use super::*;
use crate::{Phase, contract::AnyBody};

type Call = Spawn<std::pin::Pin<Box<dyn Future<Output = http::Response<AnyBody>>>>>;

fn queue(limit: usize, length: usize) -> ConcurrencyLayer {
    layer([ConcurrencyRule::new("rule", max(limit)).queue(length, Duration::from_secs(1))])
}

fn begin(stack: &Stack, script: Script) -> Call {
    let response = stack.call(script);
    let mut call: Call = spawn(Box::pin(async { response.await.unwrap() }));
    assert!(call.poll().is_pending(), "it waits");
    call
}

/// With a deadline this far away.
async fn with_timeout(stack: &Stack, millis: u32) -> Status {
    let request = request(Script::unary(), "grpc-timeout", &format!("{millis}m"));
    let response = stack.send(request).await.unwrap();
    Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok(""))
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap().reason)
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_another_has_ended() {
    for script in [Script::unary(), Script::stream(), Script::head(&[Step::Yield])] {
        let layer = queue(1, 5);
        let stack = Stack::new(layer.clone());
        let mut first = stack.call(open()).await.unwrap().into_body();
        let waits = begin(&stack, script);
        advance(Duration::from_millis(300)).await;
        next(&mut first).await.unwrap().unwrap();
        assert!(!waits.is_woken() && stack.probe.served() == 1);
        let state = state(&layer);
        assert_eq!((state.in_flight, state.waiting), (1, 1));
        assert_eq!(state.oldest, Some(Duration::from_millis(300)));
        drop(first);
        assert!(waits.is_woken());
        let seen = Seen::read(waits.await).await;
        assert_eq!((seen.status(), in_flight(&layer)), (Some("0"), 0));
    }
}

/// A queue of one call behind one, and who has come to it last.
fn watched() -> (Stack, Arc<Mutex<Option<crate::Call>>>) {
    let last = Arc::new(Mutex::new(None));
    let note = Arc::clone(&last);
    let stack = ServiceBuilder::new()
        .layer(ObserveLayer::new((), Arc::new(Methods::builder().build())))
        .map_request(move |request| {
            *note.lock().unwrap() = crate::Call::current();
            request
        })
        .layer(queue(1, 1));
    (Stack::new(stack.into_inner()), last)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_is_in_the_queue_and_then_with_its_handler() {
    let (stack, last) = watched();
    let first = stack.call(open()).await.unwrap();
    let mut waits = begin(&stack, Script::head(&[Step::Yield]));
    let call = last.lock().unwrap().take().unwrap();
    assert_eq!(call.phase(), Some(Phase::Queue));
    advance(Duration::from_millis(300)).await;
    drop(first);
    assert!(waits.poll().is_pending(), "it is served, and has not answered");
    assert_eq!(call.phase(), Some(Phase::Handler));
    let _second = waits.await;
    assert_eq!(call.phase_times().of(Phase::Queue).as_millis(), 300);

    // It has no turn.
    let waits = begin(&stack, Script::unary());
    let call = last.lock().unwrap().take().unwrap();
    Seen::read(waits.await).await;
    assert_eq!((call.phase(), call.phase_times().of(Phase::Queue).as_secs()), (None, 1));
}

/// Whose number is served next, when `calls` wait in a queue of ten.
async fn order(calls: usize) -> Vec<usize> {
    let stack = Stack::new(queue(1, 10));
    let mut held = Some(stack.call(open()).await.unwrap());
    let mut waiting: Vec<_> = (0..calls).map(|number| (number, begin(&stack, open()))).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        drop(held.take());
        let at = waiting.iter().position(|(_, call)| call.is_woken()).unwrap();
        let (number, call) = waiting.remove(at);
        held = Some(call.await);
        order.push(number);
    }
    order
}

#[tokio::test(start_paused = true)]
async fn the_oldest_goes_first_but_in_a_long_queue_the_newest() {
    assert_eq!(order(4).await, [0, 1, 2, 3]);
    assert_eq!(order(8).await, [7, 6, 5, 0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let stack = Stack::new(queue(1, 2));
    let _open = stack.call(open()).await.unwrap();
    let _waiting = [begin(&stack, open()), begin(&stack, open())];
    let began = Instant::now();
    let status = with_timeout(&stack, 60_000).await;
    assert_eq!(reason(&status), (Code::Unavailable, "QUEUE_FULL".into()));
    let said = "/a.B/C: 1 calls are in flight and 2 wait, which is the limit (rule `rule`); ";
    assert!(status.message().starts_with(said), "{}", status.message());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_a_call_may() {
    let layer = queue(1, 2);
    let stack = Stack::new(layer.clone());
    let _open = stack.call(open()).await.unwrap();
    let began = Instant::now();
    let status = with_timeout(&stack, 60_000).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(reason(&status), (Code::Unavailable, "QUEUE_TIMEOUT".into()));
    let said = "/a.B/C: it has waited for 1s, as long as a call may: 1 calls are in flight, and 1 may be (rule `rule`); ";
    assert!(status.message().starts_with(said), "{}", status.message());
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["queue_time_ms"], "1000");
    assert_eq!((state(&layer).waiting, in_flight(&layer), stack.probe.served()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_wait() {
    let stack = Stack::new(queue(1, 2));
    let _open = stack.call(open()).await.unwrap();
    let began = Instant::now();
    let status = with_timeout(&stack, 200).await;
    assert_eq!(began.elapsed(), Duration::from_millis(200));
    assert_eq!(reason(&status), (Code::Unavailable, "QUEUE_DEADLINE".into()));
    assert!(
        status.message().contains("it has waited for 200ms, its deadline: "),
        "{}",
        status.message()
    );
}

/// Calls take 100 ms each: what would not be in time is known beforehand.
#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_would_pass_is_refused_at_once() {
    let layer = queue(1, 10);
    let stack = Stack::new(layer.clone());
    for _ in 0..5 {
        let open = stack.call(open()).await.unwrap();
        advance(Duration::from_millis(100)).await;
        drop(open);
        advance(Duration::from_secs(600)).await;
    }
    let _open = stack.call(open()).await.unwrap();
    let _waiting = [begin(&stack, open()), begin(&stack, open())];
    let began = Instant::now();
    let status = with_timeout(&stack, 250).await;
    assert_eq!(reason(&status), (Code::Unavailable, "QUEUE_DEADLINE".into()));
    let said = "/a.B/C: 1 calls are in flight and 2 wait: it would wait for about 300ms, longer than its deadline allows";
    assert!(status.message().starts_with(said), "{}", status.message());
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    // Up to twice the wait, so that not all come again at once; told in two digits, rounded up.
    assert!((300..=600).contains(&delay.as_millis()), "{delay:?}");
    assert_eq!(delay.as_millis() % 10, 0, "{delay:?}");
    assert_eq!((began.elapsed(), state(&layer).waiting), (Duration::ZERO, 2));
    let may = spawn(stack.send(request(Script::unary(), "grpc-timeout", "350m"))).poll();
    assert!(may.is_pending());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_dropped_while_it_waits_leaves_its_place() {
    let layer = queue(1, 2);
    let stack = Stack::new(layer.clone());
    let first = stack.call(open()).await.unwrap();
    let (second, third) = (begin(&stack, open()), begin(&stack, open()));
    drop(second);
    assert_eq!(state(&layer).waiting, 1);
    let fourth = begin(&stack, open());
    drop(first);
    assert!(third.is_woken() || fourth.is_woken());
    drop((third, fourth));
    assert_eq!((in_flight(&layer), state(&layer).waiting, stack.probe.served()), (0, 0, 1));
}

/// A permit that was given to a call which is dropped before it learns of it.
#[tokio::test(start_paused = true)]
async fn a_permit_that_nobody_takes_goes_to_the_next() {
    let layer = queue(1, 5);
    let stack = Stack::new(layer.clone());
    let first = stack.call(open()).await.unwrap();
    let (second, third) = (begin(&stack, open()), begin(&stack, Script::unary()));
    drop(first);
    assert!(second.is_woken() && !third.is_woken());
    drop(second);
    assert!(third.is_woken());
    assert_eq!(Seen::read(third.await).await.status(), Some("0"));
    assert_eq!(in_flight(&layer), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_with_calls_that_wait_leaves_nothing() {
    let layer = queue(2, 100);
    let stack = Stack::new(layer.clone());
    let served = [stack.call(open()).await.unwrap(), stack.call(open()).await.unwrap()];
    let waiting: Vec<_> = (0..50).map(|_| begin(&stack, open())).collect();
    assert_eq!(state(&layer).waiting, 50);
    drop(stack);
    // Those that are served first: what they give back finds its way through all that wait.
    drop((served, waiting));
    assert_eq!((in_flight(&layer), state(&layer).waiting), (0, 0));
}

/// A handler that panics ends as another: what waits for it is served.
#[tokio::test(start_paused = true)]
async fn a_panic_makes_room() {
    let stack = Stack::new(
        ServiceBuilder::new().layer(crate::CatchPanicLayer::new()).layer(queue(1, 5)).into_inner(),
    );
    let mut first =
        stack.call(Script::body(&[Step::Data(MESSAGE), Step::Panic])).await.unwrap().into_body();
    next(&mut first).await.unwrap().unwrap();
    let waits = begin(&stack, Script::unary());
    let trailers = next(&mut first).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "13");
    assert!(waits.is_woken(), "before the body is dropped");
    drop(first);
    assert_eq!(Seen::read(waits.await).await.status(), Some("0"));
}

/// Limits within limits, and callers that hold some while they wait for others: all of them end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_calls_wait_for_each_other() {
    let long = Duration::from_secs(600);
    let layer = layer([
        ConcurrencyRule::new("all", max(3)).queue(1_000, long),
        ConcurrencyRule::new("method", max(2))
            .matching("/a.B/C".parse().unwrap())
            .queue(1_000, long),
        ConcurrencyRule::new("tenants", max(1))
            .per("metadata:x-tenant".parse().unwrap())
            .queue(1_000, long),
    ]);
    let stack = Stack::new(layer.clone());
    let calls = (0..300).map(|number| {
        let script = if number % 3 == 0 {
            Script::stream()
        } else {
            Script::head(&[Step::Yield, Step::Yield])
        };
        let mut request = request(script, "x-tenant", &(number % 7).to_string());
        if number % 2 == 0 {
            *request.uri_mut() = "/a.B/D".parse().unwrap();
        }
        let response = stack.send(request);
        tokio::spawn(async move {
            Seen::read(response.await.unwrap()).await.status().map(str::to_owned)
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().as_deref(), Some("0"));
    }
    for limit in limits(&layer) {
        let state = limit.state(Instant::now(), 0);
        assert_eq!((state.in_flight, state.waiting, state.callers), (0, 0, 0));
    }
}

#[test]
fn the_time_in_the_queue_is_recorded_whatever_comes_of_it() {
    let counted = counted(async || {
        tokio::time::pause();
        let stack = Stack::new(queue(1, 5));
        let first = stack.call(open()).await.unwrap();
        let (served, dropped) = (begin(&stack, Script::unary()), begin(&stack, Script::unary()));
        drop(dropped);
        drop(first);
        drop(served.await);
        let _open = stack.call(open()).await.unwrap();
        assert_eq!(with_timeout(&stack, 10).await.code(), Code::Unavailable);
    });
    assert_eq!(counted["rootcap_limit_queue_seconds{rule=rule}"], 3);
    let late = "rootcap_limit_decisions_total{rule=rule,grpc_service=unknown,grpc_method=unknown,decision=shed,reason=QUEUE_DEADLINE}";
    assert_eq!(counted[late], 1);
}
