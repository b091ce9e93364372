//! Limits of each caller.

use super::*;
use crate::{concurrency::callers::LINGERING, contract::AnyBody};

/// At most `limit` calls of each tenant, as the metadata has it.
fn tenants(limit: usize) -> ConcurrencyRule {
    ConcurrencyRule::new("tenants", max(limit)).per("metadata:x-tenant".parse().unwrap())
}

async fn call(stack: &Stack, script: Script, tenant: &str) -> http::Response<AnyBody> {
    stack.send(request(script, "x-tenant", tenant)).await.unwrap()
}

fn is_refused(response: &http::Response<AnyBody>) -> bool {
    response.headers().contains_key("grpc-status")
}

/// The rule of each caller comes before the one of all: a caller whose share is used up takes nothing of the others'.
#[tokio::test]
async fn a_caller_that_uses_up_its_share_leaves_the_others_untouched() {
    let layer = layer([ConcurrencyRule::new("all", max(4)), tenants(2)]);
    let stack = Stack::new(layer.clone());
    let (mut noisy, mut refused) = (Vec::new(), 0);
    for round in 0..50 {
        for _ in 0..20 {
            let response = call(&stack, open(), "noisy").await;
            refused += usize::from(is_refused(&response));
            noisy.push(response);
        }
        let quiet = [
            call(&stack, Script::unary(), "quiet").await,
            call(&stack, Script::stream(), "quiet").await,
        ];
        for response in quiet {
            assert_eq!(Seen::read(response).await.status(), Some("0"), "round {round}");
        }
        if round % 5 == 0 {
            noisy.clear();
        }
    }
    assert!(refused > 900, "{refused}");
    drop(noisy);
    assert_eq!(in_flight(&layer), 0);
}

#[tokio::test]
async fn only_callers_that_have_calls_are_known_and_those_with_most_are_shown() {
    let layer = layer([tenants(3)]);
    let stack = Stack::new(layer.clone());
    let mut held = Vec::new();
    for (tenant, calls) in [("a", 1), ("b", 3), ("c\x1b", 2)] {
        for _ in 0..calls {
            let mut request = open().request();
            let value =
                http::HeaderValue::from_bytes(tenant.replace('\x1b', "\u{9b}").as_bytes()).unwrap();
            request.headers_mut().insert("x-tenant", value);
            held.push(stack.send(request).await.unwrap());
        }
    }
    held.push(stack.call(open()).await.unwrap());
    let limit = &limits(&layer)[0];
    let top = |most| {
        limit
            .state(Instant::now(), most)
            .top
            .into_iter()
            .map(|it| (it.caller, it.in_flight))
            .collect::<Vec<_>>()
    };
    assert_eq!(state(&layer).callers, 4);
    assert_eq!(top(2), [("b".to_owned(), 3), ("c\\u{9b}".to_owned(), 2)]);
    assert_eq!(top(10).len(), 4);
    assert_eq!(in_flight(&layer), 7);
    drop(held);
    assert_eq!((state(&layer).callers, top(10).len()), (0, 0));
}

#[tokio::test]
async fn calls_of_nobody_are_one_callers() {
    let stack = Stack::new(layer([tenants(1)]));
    let _open = stack.call(open()).await.unwrap();
    let refused = stack.call(Script::unary()).await.unwrap();
    let status = Status::from_header_map(refused.headers()).unwrap();
    let said = "/a.B/C: 1 calls of this caller are in flight, which is the limit (rule `tenants`)";
    assert!(status.message().starts_with(said), "{}", status.message());
    assert!(!is_refused(&call(&stack, Script::unary(), "a").await));
}

/// A caller's calls wait for its own, and in no other's queue.
#[tokio::test(start_paused = true)]
async fn each_caller_has_a_queue_of_its_own() {
    let layer = layer([tenants(1).queue(1, Duration::from_secs(60))]);
    let stack = Stack::new(layer.clone());
    let noisy = call(&stack, open(), "noisy").await;
    let mut waits =
        tokio_test::task::spawn(stack.send(request(Script::unary(), "x-tenant", "noisy")));
    assert!(waits.poll().is_pending());
    assert!(is_refused(&call(&stack, Script::unary(), "noisy").await));

    let quiet = call(&stack, open(), "quiet").await;
    let mut behind =
        tokio_test::task::spawn(stack.send(request(Script::unary(), "x-tenant", "quiet")));
    assert!(!is_refused(&quiet) && behind.poll().is_pending());
    drop(quiet);
    assert!(behind.is_woken() && !waits.is_woken());
    let top = state(&layer).top;
    assert_eq!((&*top[0].caller, top[0].in_flight, top[0].waiting), ("noisy", 1, 1));
    drop((noisy, behind.await.unwrap()));
    assert!(waits.is_woken());
    drop(waits);
    assert_eq!((state(&layer).callers, in_flight(&layer)), (0, 0));
}

/// However many callers are invented: a few are known for a while.
#[tokio::test]
async fn callers_that_were_invented_leave_nothing_behind() {
    let layer = layer([tenants(1)]);
    let stack = Stack::new(layer.clone());
    for tenant in 0..10_000 {
        drop(call(&stack, Script::unary(), &tenant.to_string()).await);
    }
    let places = limits(&layer)[0].shards().map(|shard| shard.callers.places().len()).max();
    assert_eq!(state(&layer).callers, 0);
    assert!(places.unwrap() <= LINGERING + 1, "{places:?}");
}
