//! What CI holds: numbers that do not depend on how fast the machine is, with a small margin.
//!
//! Heap allocations and socket writes are held by `tests/src/costs.rs`, which needs no tool.

use super::results::Results;

/// How much of what `bare` takes a contender may take of something.
struct Limit {
    of: &'static str,
    name: &'static str,
    contender: &'static str,
    most: f64,
}

/// 1.02 to 1.04 was measured for the instructions, and some hundredths more of few calls on a busy machine.
const LIMITS: [Limit; 1] = [Limit {
    of: "instructions, unary, 10x10",
    name: "instructions/call",
    contender: "rootcap",
    most: 1.10,
}];

/// What is over its limit; and, where every tool has to be there, what was not measured.
pub(crate) fn broken(results: &Results, is_ci: bool) -> Vec<String> {
    LIMITS.iter().filter_map(|limit| limit.broken(results, is_ci)).collect()
}

impl Limit {
    fn broken(&self, results: &Results, is_ci: bool) -> Option<String> {
        let Self { of, name, contender, most } = self;
        let reached = results.number(of, name).and_then(|number| number.reached(contender)?.ratio);
        match reached.map(|ratio| ratio.median) {
            Some(ratio) if ratio <= *most => None,
            Some(ratio) => Some(format!(
                "{of}: {contender} has {ratio:.3} of the {name} of its base, and may have {most}"
            )),
            None => is_ci.then(|| format!("{of}: the {name} of {contender} were not measured")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::bench::results::{Number, tests::results};

    fn with_instructions(ratio: f64) -> Results {
        let mut results = results(0.5);
        let [Limit { of, name, contender, .. }] = LIMITS;
        let samples = vec![("bare", vec![1_000.0]), (contender, vec![1_000.0 * ratio])];
        results.numbers.push(Number::new(of, name, 1, samples).unwrap());
        results
    }

    #[test]
    fn what_is_over_its_limit_is_told() {
        let [Limit { most, .. }] = LIMITS;
        assert!(broken(&with_instructions(most - 0.01), true).is_empty());
        let told = broken(&with_instructions(most + 0.01), false);
        assert!(told[0].contains("instructions/call") && told[0].contains("may have"), "{told:?}");
    }

    #[test]
    fn what_was_not_measured_is_broken_where_it_has_to_be() {
        assert!(broken(&results(0.5), false).is_empty());
        assert!(broken(&results(0.5), true)[0].contains("not measured"));
    }
}
