//! What `rootcap` is to reach, and whether it does. Goals are shown and never asserted: a run on a busy machine says
//! little, and a run that fails would say no more.

use super::contender::REFUSING;
use super::plan::Plan;
use super::report::{aligned, cell};
use super::results::Results;
use super::statistics::Summary;

/// A bound for a number of a contender's.
struct Goal {
    of: &'static str,
    name: &'static str,
    contender: &'static str,
    against: Against,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Against {
    /// The ratio to another contender, round by round.
    RatioTo(&'static str),
    /// What there is beyond another contender, round by round.
    Beyond(&'static str),
    /// The number itself.
    Nothing,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Against::{Beyond, Nothing, RatioTo};
use Bound::{AtLeast, AtMost};

const ROOTCAP: &str = "rootcap";
const TEN: &str = "unary, 10x10";
const FIFTY: &str = "unary, 50x100";
const CPU: &str = "CPU us/call";
const LIMITS: &str = "limits, unary, 10x10";
const OVERLOAD: &str = "limits, 5000 calls/s offered where 500 are let in";
const LATENCY: &str = "latency, 5000 calls/s on 10 connections";
const HELD: [&str; 2] = [
    "resident memory of each of 1000 idle connections",
    "resident memory of each of 5000 idle connections",
];
const BEFORE: &str = "before its first call KiB";
const AFTER: &str = "after its first call KiB";
const GO: &str = "grpc-go with interceptors";

const GOALS: &[Goal] = &[
    goal(TEN, CPU, RatioTo("bare"), AtMost(0.75)),
    goal(FIFTY, CPU, RatioTo("bare"), AtMost(0.75)),
    lto(goal("unary, 10x10, lto", CPU, RatioTo("bare, lto"), AtMost(0.70))),
    lto(goal("unary, 50x100, lto", CPU, RatioTo("bare, lto"), AtMost(0.70))),
    goal(TEN, "calls/s", RatioTo("bare"), AtLeast(1.35)),
    goal(FIFTY, "calls/s", RatioTo("bare"), AtLeast(1.35)),
    goal("unary, 1x1", CPU, RatioTo("bare"), AtMost(1.10)),
    goal(LATENCY, "p50 us", RatioTo("bare"), AtMost(1.15)),
    goal(LATENCY, "p90 us", RatioTo("bare"), AtMost(1.15)),
    goal(TEN, CPU, RatioTo("assembled"), AtMost(0.30)),
    goal(FIFTY, CPU, RatioTo("assembled"), AtMost(0.30)),
    goal(TEN, CPU, RatioTo(GO), AtMost(0.40)),
    goal(FIFTY, CPU, RatioTo(GO), AtMost(0.40)),
    goal("heap, unary, 10x10", "allocations/call", Nothing, AtMost(24.0)),
    goal("instructions, unary, 10x10", "instructions/call", RatioTo("bare"), AtMost(1.05)),
    goal("socket writes, unary, 10x10", "writes/response", Nothing, AtMost(0.15)),
    goal("server-streaming, 5x2", "CPU us/message", RatioTo("bare"), AtMost(1.0)),
    goal(HELD[0], BEFORE, RatioTo("bare"), AtMost(1.0)),
    goal(HELD[0], AFTER, RatioTo("bare"), AtMost(1.0)),
    goal(HELD[1], BEFORE, RatioTo("bare"), AtMost(1.0)),
    goal(HELD[1], AFTER, RatioTo("bare"), AtMost(1.0)),
    goal("start, exec to the first answer", "ms", Beyond("bare"), AtMost(2.0)),
    Goal {
        contender: "rootcap, limited by caller",
        ..goal(
            LIMITS,
            "outside of the allocator",
            Beyond("rootcap without limits"),
            AtMost(1_500.0),
        )
    },
    Goal {
        contender: REFUSING,
        ..goal(LIMITS, "instructions/call", RatioTo("rootcap without limits"), AtMost(0.33))
    },
    Goal {
        contender: "rootcap, limited by caller",
        ..goal(LIMITS, "allocations/call", Beyond("rootcap without limits"), AtMost(0.1))
    },
    overloaded(goal(OVERLOAD, "health ms", Nothing, AtMost(100.0))),
    overloaded(goal(OVERLOAD, "scrape ms", Nothing, AtMost(100.0))),
    overloaded(goal(OVERLOAD, "p99, of that not limited", Nothing, AtMost(3.0))),
    looked_at(goal("debug pages, unary, 10x10", "instructions/call", Nothing, AtMost(1_500.0))),
    looked_at(goal("debug pages, unary, 10x10", "allocations/call", Nothing, AtMost(0.0))),
    looked_at(goal("10000 calls in flight", "HTML ms", Nothing, AtMost(200.0))),
    looked_at(goal("10000 calls in flight", "JSON ms", Nothing, AtMost(200.0))),
    Goal {
        contender: "rootcap, 200 methods",
        ..goal("a scrape of 200 methods x 17 codes", "ms", Nothing, AtMost(5.0))
    },
];

const fn goal(of: &'static str, name: &'static str, against: Against, bound: Bound) -> Goal {
    Goal { of, name, contender: ROOTCAP, against, bound }
}

const fn looked_at(goal: Goal) -> Goal {
    Goal { contender: "rootcap, looked at", ..goal }
}

const fn overloaded(goal: Goal) -> Goal {
    Goal { contender: "rootcap, 500 calls/s", ..goal }
}

const fn lto(goal: Goal) -> Goal {
    Goal { contender: "rootcap, lto", ..goal }
}

/// A row for each goal that the results tell something of; of a full run for all, lest one be lost with a name.
pub(crate) fn table(results: &Results) -> String {
    let is_full = results.plan == Plan::Full.name();
    let rows: Vec<_> = GOALS
        .iter()
        .map(|goal| (goal, goal.reached(results)))
        .filter(|(_, reached)| is_full || reached.is_some())
        .map(|(goal, reached)| goal.row(reached))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["of `rootcap`", "against", "reached", "goal", "kept"].map(str::to_owned).to_vec();
    format!("\n### goals\n\n{}", aligned(&[vec![head], rows].concat()))
}

impl Goal {
    fn row(&self, reached: Option<Summary>) -> Vec<String> {
        let kept = match reached {
            Some(reached) if self.bound.holds(reached.median) => "yes",
            Some(_) => "no",
            None => "?",
        };
        let reached = reached.as_ref().map_or_else(|| "not measured".to_owned(), cell);
        let of = match self.contender {
            ROOTCAP => String::new(),
            other => format!(" of `{other}`"),
        };
        let name = format!("{}: {}{of}", self.of, self.name);
        vec![name, self.against.told(), reached, self.bound.told(), kept.to_owned()]
    }

    fn reached(&self, results: &Results) -> Option<Summary> {
        let number = results.number(self.of, self.name)?;
        let ours = number.reached(self.contender)?;
        let pairs = |other| {
            let other = number.reached(other)?;
            Some(ours.samples.iter().copied().zip(other.samples.iter().copied()))
        };
        match self.against {
            RatioTo(other) => Summary::of_ratios(pairs(other)?),
            Beyond(other) => Summary::of(pairs(other)?.map(|(ours, other)| ours - other)),
            Nothing => Some(ours.value),
        }
    }
}

impl Against {
    fn told(self) -> String {
        match self {
            RatioTo(other) => format!("ratio to `{other}`"),
            Beyond(other) => format!("beyond `{other}`"),
            Nothing => String::new(),
        }
    }
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            AtMost(most) => value <= most,
            AtLeast(least) => value >= least,
        }
    }

    fn told(self) -> String {
        match self {
            AtMost(most) => format!("at most {most}"),
            AtLeast(least) => format!("at least {least}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    fn of_cpu(part: f64) -> String {
        let mut results = results(part);
        results.numbers[0].of = TEN.to_owned();
        table(&results)
    }

    #[test]
    fn a_goal_is_kept_or_not() {
        assert!(of_cpu(0.5).contains("| 0.50    | at most 0.75 | yes"), "{}", of_cpu(0.5));
        assert!(of_cpu(0.8).contains("| 0.80    | at most 0.75 | no"), "{}", of_cpu(0.8));
        assert_eq!(of_cpu(0.5).lines().count(), 6, "of the others nothing is known");
        assert!(AtLeast(1.35).holds(1.35) && !AtLeast(1.35).holds(1.34));
    }

    #[test]
    fn differences_are_taken_within_a_round() {
        let mut results = results(0.5);
        results.numbers[0].of = "start, exec to the first answer".to_owned();
        results.numbers[0].name = "ms".to_owned();
        assert!(table(&results).contains("| -6.00 (-8.00 to -4.00) | at most 2"));
    }

    #[test]
    fn there_is_no_table_of_nothing() {
        assert_eq!(table(&Results::new("smoke", Vec::new())), "");
    }

    #[test]
    fn a_full_run_tells_of_every_goal() {
        let table = table(&Results::new(Plan::Full.name(), Vec::new()));
        assert_eq!(table.matches("not measured").count(), GOALS.len());
    }
}
