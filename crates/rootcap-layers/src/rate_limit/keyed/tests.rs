//! The table against governor, and against who invents keys.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, num::NonZeroU32, thread};

use governor::{
    RateLimiter,
    clock::{Clock, FakeRelativeClock},
};
use proptest::prelude::*;

use super::*;
use crate::rate_limit::Quota;

fn table(keys: usize, gcra: Gcra) -> Keyed {
    Keyed::new(NonZeroUsize::new(keys).unwrap(), gcra)
}

/// A caller that has a number.
fn caller(number: u64) -> Caller<'static> {
    Caller::V6(number)
}

fn calls(calls: u32) -> NonZeroU32 {
    NonZeroU32::new(calls).unwrap()
}

/// 10 calls in a second, and `burst` at once.
fn ten(burst: u32) -> Gcra {
    Gcra::new(Quota::per_second(calls(10)).burst(calls(burst)))
}

const SECOND: u64 = 1_000_000_000;

/// How many calls of this key are served at `now`.
fn served(table: &Keyed, key: u64, now: u64) -> usize {
    (0..1_000).take_while(|_| table.take(key, now).is_ok()).count()
}

proptest! {
    /// While the keys fit, each has what governor would give it.
    #[test]
    fn as_governor_decides(per_second in 1u32..1_000, burst in 1u32..20, steps in prop::collection::vec((0u32..PLACES as u32, 0u64..50_000_000), 1..500)) {
        let quota = Quota::per_second(calls(per_second)).burst(calls(burst));
        let clock = FakeRelativeClock::default();
        let oracle = RateLimiter::hashmap_with_clock(quota.to_governor(), clock.clone());
        let table = table(PLACES, Gcra::new(quota));
        let mut now = 0;
        for (caller, pause) in steps {
            clock.advance(Duration::from_nanos(pause));
            now += pause;
            let expected = oracle.check_key(&caller).map_err(|until| until.wait_time_from(clock.now()));
            let key = table.key(Caller::V4(caller.into()));
            prop_assert_eq!(table.look(key, now), expected);
            prop_assert_eq!(table.take(key, now), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However many keys there are and whatever they do: none is served more often than if it had a limit of its own, with
    /// room for all.
    #[test]
    fn never_more_than_a_limit_of_its_own(burst in 1u32..10, room in 1usize..40, steps in prop::collection::vec((0u64..200, 0u64..30_000_000), 1..1_000)) {
        let (table, gcra) = (table(room, ten(burst)), ten(burst));
        let mut own = HashMap::new();
        let mut now = 0;
        for (number, pause) in steps {
            now += pause;
            let kept = own.entry(number).or_insert(0);
            let alone = gcra.take(*kept, now);
            if table.take(table.key(caller(number)), now).is_ok() {
                prop_assert!(alone.is_ok(), "{number} was served");
                *kept = alone.unwrap();
            }
            prop_assert!(table.live(now) <= table.most());
        }
    }
}

#[test]
fn who_invents_keys_wins_no_burst() {
    let table = table(1_000, ten(20));
    let limited = table.key(Caller::Text(b"limited"));
    assert_eq!(served(&table, limited, 0), 20);
    for invented in 0..100_000 {
        let _ = table.take(table.key(caller(invented)), 0);
    }
    assert_eq!(served(&table, limited, 0), 0);
    assert_eq!(table.live(0), table.most());
    // It goes on as fast as it may, as it would have alone.
    assert!(served(&table, limited, SECOND) <= 10);
}

#[test]
fn a_million_keys_take_no_more_room_than_the_cap() {
    let table = table(100_000, ten(1));
    assert!(table.bytes() < 20_000, "before the first call there is next to nothing");
    assert_eq!(table.most(), 100_000);
    for key in 0..1_000_000u64 {
        let _ = table.take(table.key(caller(key)), 0);
    }
    assert!(table.bytes() <= 100_000 * 100, "{} bytes", table.bytes());
    assert!(table.live(0) <= 100_000);
    assert!(table.live(0) > 99_000, "all places are in use");
}

#[test]
fn few_keys_take_little_room() {
    let table = table(100_000, ten(1));
    for key in 0..10u64 {
        table.take(table.key(caller(key)), 0).unwrap();
    }
    assert_eq!(table.live(0), 10);
    assert!(table.bytes() < 80_000, "{} bytes", table.bytes());
    assert_eq!(table.live(SECOND), 0, "what is in the past is nothing");
}

#[test]
fn a_place_that_is_free_has_a_whole_burst() {
    let table = table(1, ten(3));
    for number in 0..100 {
        let _ = table.take(table.key(caller(number)), 0);
    }
    assert_eq!(served(&table, table.key(caller(1_000)), 10 * SECOND), 3);
}

#[test]
fn what_is_given_back_is_there_again() {
    let table = table(100, ten(3));
    let key = table.key(caller(1));
    assert_eq!(served(&table, key, SECOND), 3);
    table.give_back(key);
    table.give_back(table.key(caller(2)));
    assert_eq!(served(&table, key, SECOND), 1);
}

#[test]
fn another_quota_keeps_what_was_used() {
    let table = table(100, Gcra::new(Quota::new(calls(1), Duration::from_secs(3_600))));
    let key = table.key(caller(1));
    assert_eq!(served(&table, key, SECOND), 1);
    table.convert(ten(3), SECOND);
    assert_eq!(served(&table, key, SECOND), 0, "a change gives nobody a new burst");
    assert_eq!(served(&table, key, SECOND + SECOND / 10), 1);
    assert_eq!(served(&table, table.key(caller(2)), SECOND), 3);
}

#[test]
fn threads_share_the_limit() {
    let table = table(100, ten(1_000));
    let served = thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| served(&table, table.key(caller(1)), 0)));
        threads.map(|thread| thread.join().unwrap()).iter().sum::<usize>()
    });
    assert_eq!(served, 1_000);
}
