//! The contract that every layer keeps: one table, for unary calls and for streams.
//!
//! Transparent when idle; clone-safe; rejects with a response; releases what it holds, and the inner
//! service's future and body, when it is dropped; holds them until the end of the body; survives a panic.

mod counter;
mod probe;
mod script;
mod seen;
mod stack;
mod table;

pub(crate) use counter::{counted, rejected};
pub(crate) use probe::{Probe, Steps};
pub(crate) use script::{MESSAGE, Script, Step};
pub(crate) use seen::{Seen, next};
pub(crate) use stack::{AnyBody, Stack};

use http::Request;
use table::{Rejects, Row, open_calls, panics, scripts, table};
use tower::Layer;

use crate::CatchPanicLayer;

fn expired() -> Request<Steps> {
    let mut request = Script::unary().request();
    request.headers_mut().insert("grpc-timeout", http::HeaderValue::from_static("0n"));
    request
}

async fn see(stack: &Stack, script: Script) -> Option<Seen> {
    let mut seen = Seen::read(stack.call(script).await.ok()?).await;
    seen.headers.remove("x-request-id");
    Some(seen)
}

#[tokio::test(start_paused = true)]
async fn transparent_when_idle() {
    for row in table() {
        let (bare, layered) = (Stack::new(tower::layer::util::Identity::new()), (row.idle)());
        for script in scripts() {
            let expected = see(&bare, script.clone()).await;
            let seen = see(&layered, script.clone()).await;
            assert_eq!(seen, expected, "{}: {script:?}", row.name);
        }
        assert_eq!(layered.probe.served(), scripts().len(), "{}", row.name);
        assert_eq!(layered.probe.live(), 0, "{}", row.name);
    }
}

#[tokio::test(start_paused = true)]
async fn clone_safe() {
    for row in table() {
        let stack = (row.idle)();
        let clone = stack.clone();
        for open in open_calls() {
            let open = stack.call(open).await.expect("admitted");
            let other = see(&clone, Script::unary()).await.expect("answered");
            assert_eq!(other.status(), Some("0"), "{}", row.name);
            drop(open);
        }
        drop(stack);
        let last = see(&clone, Script::stream()).await.expect("answered");
        assert_eq!(last.status(), Some("0"), "{}: of the last clone", row.name);
    }
}

/// What is said to the call that the layer rejects, if it ever does, and whether the probe has seen it.
async fn provoke(row: &Row, first: Script, second: Script) -> Option<(Seen, bool)> {
    let stack = (row.narrow)();
    let open = match row.rejects {
        Rejects::Never => return None,
        Rejects::Expired => None,
        Rejects::WhileBusy | Rejects::Second => Some(stack.call(first).await.expect("admitted")),
    };
    let before = stack.probe.served();
    let request = if row.rejects == Rejects::Expired { expired() } else { second.request() };
    let response = stack.clone().send(request).await.expect("a response, not an error");
    let seen = Seen::read(response).await;
    drop(open);
    Some((seen, stack.probe.served() > before))
}

#[tokio::test(start_paused = true)]
async fn rejects_with_a_response() {
    for row in table() {
        for open in open_calls() {
            for refused in [Script::unary(), Script::stream()] {
                let Some((seen, served)) = provoke(&row, open.clone(), refused).await else {
                    continue;
                };
                assert!(seen.is_trailers_only(), "{}: {seen:?}", row.name);
                assert_eq!(seen.status(), Some(row.status), "{}", row.name);
                assert!(!served, "{}: the inner service was called", row.name);
            }
        }
    }
}

/// Whether a call is admitted now.
async fn has_room(stack: &Stack) -> bool {
    let before = stack.probe.served();
    drop(stack.call(Script::unary()).await.expect("a response"));
    stack.probe.served() > before
}

#[tokio::test(start_paused = true)]
async fn releases_when_the_future_is_dropped() {
    for row in table() {
        let stack = (row.narrow)();
        let mut pending = tokio_test::task::spawn(stack.call(Script::head(&[Step::Hang])));
        assert!(pending.poll().is_pending(), "{}", row.name);
        assert!(stack.probe.live() > 0);
        if row.rejects == Rejects::WhileBusy {
            assert!(!has_room(&stack).await, "{}: held while pending", row.name);
        }
        drop(pending);
        assert_eq!(stack.probe.live(), 0, "{}", row.name);
        assert!(row.rejects == Rejects::Second || has_room(&stack).await, "{}", row.name);
    }
}

#[tokio::test(start_paused = true)]
async fn releases_when_the_body_is_dropped() {
    for row in table() {
        for open in open_calls() {
            let stack = (row.narrow)();
            let mut body = stack.call(open).await.expect("admitted").into_body();
            next(&mut body).await.expect("a frame").expect("a message");
            assert!(stack.probe.live() > 0, "{}", row.name);
            drop(body);
            assert_eq!(stack.probe.live(), 0, "{}", row.name);
            assert!(row.rejects == Rejects::Second || has_room(&stack).await, "{}", row.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn holds_until_the_end_of_the_body() {
    for row in table() {
        for script in [Script::unary(), Script::stream(), Script::body(&[Step::Fail])] {
            let stack = (row.narrow)();
            let mut body = stack.call(script).await.expect("admitted").into_body();
            let holds = async |when| {
                assert!(stack.probe.live() > 0, "{}: {when}", row.name);
                if row.rejects == Rejects::WhileBusy {
                    assert!(!has_room(&stack).await, "{}: {when}", row.name);
                }
            };
            holds("after the head").await;
            while let Some(Ok(_)) = next(&mut body).await {
                holds("after a frame").await;
            }
            drop(body);
            assert_eq!(stack.probe.live(), 0, "{}", row.name);
            assert!(row.rejects == Rejects::Second || has_room(&stack).await, "{}", row.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn survives_a_panic() {
    for row in table() {
        for script in panics() {
            let stack = (row.narrow)();
            let guarded = Stack {
                probe: Probe::clone(&stack.probe),
                service: tower::util::BoxCloneService::new(tower::ServiceExt::map_response(
                    CatchPanicLayer::new().layer(stack.service.clone()),
                    |response| response.map(AnyBody::new),
                )),
            };
            let seen = see(&guarded, script.clone()).await.expect("a response");
            assert_eq!(seen.status(), Some("13"), "{}: {script:?}", row.name);
            assert_eq!(stack.probe.live(), 0, "{}: {script:?}", row.name);
            assert!(row.rejects == Rejects::Second || has_room(&guarded).await, "{}", row.name);
        }
    }
}
