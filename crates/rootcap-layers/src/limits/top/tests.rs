//! Nobody who comes up much is missed, whoever else comes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

/// What each caller's calls weigh at `now`, by the definition.
fn exact(notes: &[(String, u64)], now: u64) -> BTreeMap<&str, f64> {
    let mut weights = BTreeMap::new();
    for (key, at) in notes {
        let age = (now - at) as f64 / 1e9;
        *weights.entry(key.as_str()).or_insert(0.0) += (-age / FADES_IN).exp();
    }
    weights
}

#[test]
fn a_steady_caller_has_its_rate_early_and_late() {
    let callers = TopCallers::new();
    let mut now = 0;
    for second in 1..=5_000_u64 {
        for _ in 0..20 {
            now += SECOND / 20;
            callers.note("a", now);
        }
        if [2, 10, 100, 5_000].contains(&second) {
            let top = callers.top(1, now);
            assert!((19.0..21.5).contains(&top[0].rate), "{second}: {top:?}");
            assert_eq!(top[0].rate, top[0].at_least);
        }
    }
    // It stops, and is forgotten.
    assert!(callers.top(1, now + 60 * SECOND)[0].rate < 0.1);
    assert_eq!(callers.top(1, now + 90 * SECOND), []);
    let much_later = now + 1_000_000 * SECOND;
    assert_eq!((callers.top(1, much_later), callers.keys()), (vec![], vec!["a".to_owned()]));
    (0..10).for_each(|_| callers.note("b", much_later));
    assert_eq!(callers.top(9, much_later)[0].key, "b");
}

#[test]
fn what_came_at_once_is_not_an_endless_rate() {
    let callers = TopCallers::new();
    (0..30).for_each(|_| callers.note("a", 5));
    let rate = callers.top(1, 5)[0].rate;
    assert!((30.0..33.0).contains(&rate), "{rate}");
}

#[test]
fn who_invents_keys_pushes_nobody_out() {
    let callers = TopCallers::new();
    for call in 0..100_000_u64 {
        let now = call * SECOND / 1_000;
        callers.note(if call % 20 == 0 { "noisy" } else { "invented" }, now);
        callers.note(&call.to_string(), now);
    }
    let top = callers.top(3, 100 * SECOND);
    assert_eq!((&*top[0].key, &*top[1].key), ("invented", "noisy"));
    assert!(top[0].at_least > 900.0 && top[1].at_least > 20.0, "{top:?}");
    assert!(top[2].at_least < 2.0 && top[2].rate < 2_000.0 / KEYS as f64, "{top:?}");
}

#[test]
fn long_keys_are_cut() {
    let callers = TopCallers::new();
    callers.note(&"\u{20ac}".repeat(1_000), 0);
    assert_eq!(callers.top(1, 0)[0].key.len(), 126);
}

proptest! {
    #[test]
    fn no_count_is_too_low_nor_too_high_by_more_than_its_share(
        steps in proptest::collection::vec((0..200_u32, 0..3_000_u64), 1..600),
    ) {
        let (callers, mut notes, mut now) = (TopCallers::new(), Vec::new(), 0);
        for (key, pause) in steps {
            // Few keys come up often, many seldom.
            let key = (if key < 120 { key % 5 } else { key }).to_string();
            now += pause * SECOND / 1_000;
            callers.note(&key, now);
            notes.push((key, now));
        }
        let exact = exact(&notes, now);
        let share = exact.values().sum::<f64>() / KEYS as f64;
        let age = ((now - notes[0].1) as f64 / 1e9).max(SHORTEST);
        let once_a_second = FADES_IN * (1.0 - (-age / FADES_IN).exp());
        let top = callers.top(KEYS, now);
        prop_assert!(top.len() <= KEYS);
        prop_assert!(top.is_sorted_by(|a, b| a.rate >= b.rate));
        for caller in &top {
            let (weight, known) = (exact[&*caller.key], caller.rate * once_a_second);
            let least = caller.at_least * once_a_second;
            let tiny = 1e-9 * (1.0 + weight);
            prop_assert!(known >= weight - tiny && known <= weight + share + tiny);
            prop_assert!(least <= weight + tiny);
        }
        for (key, weight) in exact {
            let has_faded = weight / once_a_second < LEAST;
            let is_shown = top.iter().any(|caller| caller.key == key);
            prop_assert!(is_shown || weight <= share + 1e-9 || has_faded);
        }
    }
}
