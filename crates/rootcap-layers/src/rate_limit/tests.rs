//! The quota, with the clock stopped.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{num::NonZeroU32, time::Duration};

use http::{HeaderMap, HeaderName};
use proptest::prelude::*;
use tokio::time::{Instant, advance};
use tonic_types::StatusExt;

use super::*;
use crate::{
    admission::{Arrival, Counts, Decision, Mode, Policy, Refusal, TrustedProxies},
    contract::{Script, Stack, Step, rejected},
};

fn calls(calls: u32) -> NonZeroU32 {
    NonZeroU32::new(calls).unwrap()
}

fn rules(rules: impl IntoIterator<Item = RateRule>) -> RateRules {
    RateRules::new(rules, TrustedProxies::default()).unwrap()
}

fn one(quota: Quota) -> RateRules {
    rules([RateRule::new("one", quota)])
}

/// What a call of this path is told, with these words in the metadata `x-tenant`.
fn ask(rules: &RateRules, path: &str, tenant: &str) -> Result<(), Refusal> {
    let headers =
        HeaderMap::from_iter([(HeaderName::from_static("x-tenant"), tenant.parse().unwrap())]);
    let arrival = Arrival { call: None, path, headers: &headers };
    match rules.admit(&arrival, Instant::now) {
        Decision::Admit(()) => Ok(()),
        Decision::Refuse(refusal) => Err(refusal),
        Decision::Wait(_) => unreachable!("no call waits"),
    }
}

fn admits(rules: &RateRules) -> bool {
    ask(rules, "/a.B/C", "blue").is_ok()
}

#[test]
fn a_quota_in_words() {
    assert_eq!(Quota::per_second(calls(100)).burst(calls(7)).to_string(), "100 calls in 1s");
    assert_eq!(Quota::new(calls(1), Duration::from_secs(60)).to_string(), "1 call in 60s");
}

#[tokio::test(start_paused = true)]
async fn a_burst_and_then_one_by_one() {
    let quota = Quota::per_second(calls(10)).burst(calls(3));
    let limit = one(quota);
    let admitted = |limit: &RateRules| (0..10).filter(|_| admits(limit)).count();
    assert_eq!(admitted(&limit), 3);
    advance(Duration::from_millis(99)).await;
    assert_eq!(admitted(&limit), 0);
    advance(Duration::from_millis(1)).await;
    assert_eq!(admitted(&limit.clone()), 1, "a clone is the same limit");
    advance(Duration::from_secs(3_600)).await;
    assert_eq!(admitted(&limit), 3, "a long pause saves up no more than a burst");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_as_told_is_served() {
    let stack = Stack::new(RateLimitLayer::new(Quota::per_second(calls(4)).burst(calls(1))));
    stack.call(Script::unary()).await.unwrap();
    advance(Duration::from_micros(100_500)).await;
    let response = stack.call(Script::unary()).await.unwrap();
    let status = tonic::Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(
        status.message(),
        "/a.B/C: the limit of 4 calls in 1s is used up (rule `rate_limit`); retry after 150ms",
        "never too early",
    );
    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert_eq!(wait, Duration::from_millis(150));
    advance(wait).await;
    assert!(stack.call(Script::unary()).await.unwrap().headers().get("grpc-status").is_none());
    assert_eq!(stack.probe.served(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_when_it_begins_however_it_ends() {
    let stack = Stack::new(RateLimitLayer::new(Quota::per_second(calls(2))));
    let mut pending = tokio_test::task::spawn(stack.call(Script::head(&[Step::Hang])));
    assert!(pending.poll().is_pending());
    drop(pending);
    assert!(stack.call(Script::head(&[Step::Fail])).await.is_err());
    let refused = stack.call(Script::unary()).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "8");
}

#[test]
fn refusals_are_counted_by_policy() {
    let counted = rejected(async || {
        let stack = Stack::new(RateLimitLayer::new(Quota::new(calls(1), Duration::from_secs(60))));
        for _ in 0..3 {
            stack.call(Script::unary()).await.unwrap();
        }
    });
    assert_eq!(counted, [("rate_limit".to_owned(), 2)].into());
}

#[test]
fn the_layer_tells_its_rules() {
    let quota = Quota::per_second(calls(5));
    let states = RateLimitLayer::new(quota).limits().unwrap().states();
    assert_eq!((&*states[0].name, states[0].quota, states.len()), ("rate_limit", quota, 1));
    assert!(RateLimitLayer::unlimited().limits().is_none());
}

mod many;

proptest! {
    /// No quota makes governor overflow, and none admits nothing or, at once, more than its burst.
    #[test]
    fn any_quota_works(number in 1u32.., period in any::<u64>(), burst in 1u32..) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for period in [Duration::ZERO, Duration::from_nanos(period), Duration::from_secs(period), Duration::MAX] {
                let limit = one(Quota::new(calls(number), period).burst(calls(burst)));
                let admitted = (0..100).filter(|_| admits(&limit)).count();
                prop_assert!((1..=burst.min(100) as usize).contains(&admitted));
            }
            Ok(())
        })?;
    }
}
