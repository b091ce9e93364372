//! The last ones are kept, whole, and harmless.

use proptest::prelude::*;

use super::*;

fn note(decisions: &LastDecisions, at: u64, method: &str, caller: &str) {
    decisions.note(&Decided {
        at,
        rule: &Arc::from("greetings"),
        method,
        caller,
        verdict: Verdict::Rejected,
        reason: "RATE_LIMIT_EXCEEDED",
        inputs: &[("retry_after_ms", at)],
    });
}

proptest! {
    #[test]
    fn the_last_are_kept_the_latest_first(count in 0..300_u64) {
        let decisions = LastDecisions::new();
        (0..count).for_each(|at| note(&decisions, at, "/a.B/C", &at.to_string()));
        let kept: Vec<_> = decisions.latest().iter().map(|kept| (kept.at, kept.caller.clone())).collect();
        let expected: Vec<_> =
            (0..count).rev().take(LAST).map(|at| (at, at.to_string())).collect();
        prop_assert_eq!(kept, expected);
    }

    #[test]
    fn what_callers_control_is_cut_and_visible(method in any::<String>(), caller in ".{0,400}") {
        let decisions = LastDecisions::new();
        // All places are taken twice: what is reused leaves nothing behind.
        (0..2 * LAST as u64).for_each(|at| note(&decisions, at, &method, &caller));
        for kept in decisions.latest() {
            prop_assert_eq!(&kept.method, &Excerpt(&method).to_string());
            prop_assert_eq!(&kept.caller, &Excerpt(&caller).to_string());
        }
    }
}

#[test]
fn inputs_beyond_the_most_are_left_out() {
    let inputs = [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)];
    assert!(Inputs::new(&inputs).iter().eq(inputs[..MAX_INPUTS].iter().copied()));
    assert!(Inputs::new(&inputs[..2]).iter().eq(inputs[..2].iter().copied()));
}
