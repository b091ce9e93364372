//! What is noted is what is played again, as long as it is kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    thread,
};

use governor::{Quota, RateLimiter, clock::FakeRelativeClock};
use proptest::prelude::*;

use super::*;

/// Admits every call, and tells all it was given.
fn played(arrivals: &Arrivals) -> Vec<u64> {
    let mut seen = Vec::new();
    arrivals.replay(0, |(), at| {
        seen.push(at);
        true
    });
    seen
}

/// Admits the first `most` calls of each caller.
fn first(most: usize) -> impl Fn(&mut usize, u64) -> bool {
    move |came, _| {
        *came += 1;
        *came <= most
    }
}

#[test]
fn nothing_came_so_nothing_would_have_been_refused() {
    let nothing = WhatIf {
        window: Duration::ZERO,
        arrivals: 0,
        keys: 0,
        would_reject: 0,
        keys_rejected: 0,
        worst: Vec::new(),
    };
    assert_eq!(Arrivals::new().replay(5, first(0)), nothing);
}

#[test]
fn the_callers_that_would_have_been_refused_most_come_first() {
    let arrivals = Arrivals::new();
    for key in 1..=20_u64 {
        (0..key).for_each(|time| arrivals.note(key, 1_000 * key + time));
    }
    let seen = arrivals.replay(30_000, first(5));
    assert_eq!((seen.arrivals, seen.keys), (210, 20));
    assert_eq!((seen.would_reject, seen.keys_rejected), (120, 15));
    let expected: Vec<_> = (11..=20).rev().map(|key| (key, key as usize - 5)).collect();
    assert_eq!(seen.worst, expected);
    assert_eq!(seen.window, Duration::from_nanos(29_000));
}

#[test]
fn the_oldest_make_room() {
    let arrivals = Arrivals::new();
    let all = KEPT as u64 + CHUNK as u64 + 7;
    (0..all).for_each(|time| arrivals.note(1, time));
    assert_eq!(played(&arrivals), (all - KEPT as u64..all).collect::<Vec<_>>());
}

#[test]
fn a_rule_that_sees_few_calls_takes_little_memory() {
    let arrivals = Arrivals::new();
    (0..10).for_each(|time| arrivals.note(1, time));
    assert_eq!(arrivals.chunks.iter().filter(|chunk| chunk.get().is_some()).count(), 1);
}

/// The key is made of the time, so that a mixture of two arrivals would be seen.
#[test]
fn what_threads_note_at_once_is_whole_while_others_read() {
    let arrivals = Arrivals::new();
    let mixed = |time: u64| time.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let calls = KEPT as u64 / 4;
    thread::scope(|scope| {
        for thread in 0..3 {
            let arrivals = &arrivals;
            scope.spawn(move || {
                for call in 0..calls {
                    let time = thread * calls + call;
                    arrivals.note(mixed(time), time);
                }
            });
        }
        for _ in 0..20 {
            assert!(arrivals.known().into_iter().all(|(time, key)| key == mixed(time)));
        }
    });
    let times: BTreeSet<_> = arrivals.known().into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, (0..3 * calls).collect());
}

proptest! {
    /// Played to the quota under which they came, the arrivals are decided about as they were; and each caller by
    /// itself: the oracle is a limiter for each.
    #[test]
    fn played_to_a_quota_it_is_as_if_that_had_been_in_force(
        steps in proptest::collection::vec((0..4_u64, 0..40_u64), 0..200),
        calls in 1..20_u32,
        burst in 1..5_u32,
    ) {
        let quota = Quota::per_second(NonZeroU32::new(calls).unwrap())
            .allow_burst(NonZeroU32::new(burst).unwrap());
        let clock = FakeRelativeClock::default();
        let limiters: BTreeMap<_, _> =
            (0..4).map(|key| (key, RateLimiter::direct_with_clock(quota, clock.clone()))).collect();
        let (arrivals, mut refused, mut now) = (Arrivals::new(), 0, 0);
        for (key, pause) in steps {
            let pause = Duration::from_millis(pause);
            clock.advance(pause);
            now += pause.as_nanos() as u64;
            arrivals.note(key, now);
            refused += usize::from(limiters[&key].check().is_err());
        }
        let interval = u64::from(1_000_000_000 / calls);
        let seen = arrivals.replay(now, |tat: &mut u64, now| {
            let next = (*tat).max(now) + interval;
            let admitted = next - now <= interval * u64::from(burst);
            if admitted {
                *tat = next;
            }
            admitted
        });
        prop_assert_eq!(seen.would_reject, refused);
        prop_assert_eq!(seen.worst.iter().map(|(_, rejected)| rejected).sum::<usize>(), refused);
    }
}
