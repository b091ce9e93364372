//! The results, as a table for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::measure::{CaseResult, Results, Run};
use super::statistics::Summary;

/// The version of the JSON's shape.
const FORMAT: u32 = 1;

impl CaseResult {
    /// What one contender reached, over all rounds.
    fn of(&self, contender: usize, value: fn(&Run) -> f64) -> Summary {
        let values = self.rounds.iter().map(|round| value(&round[contender]));
        Summary::of(values).expect("a case has a round that counts")
    }

    /// The same as ratios to the first contender, round by round.
    fn ratios(&self, contender: usize, value: fn(&Run) -> f64) -> Summary {
        let pairs = self.rounds.iter().map(|round| (value(&round[contender]), value(&round[0])));
        Summary::of_ratios(pairs).expect("a case has a round that counts")
    }
}

fn cpu(run: &Run) -> f64 {
    run.cpu
}

fn rate(run: &Run) -> f64 {
    run.rate
}

/// Medians, with the lowest and the highest value.
pub(crate) fn table(results: &Results) -> String {
    let mut rows = vec![
        ["case", "server", "CPU us/call", "ratio", "calls/s", "ratio", "rounds"].map(str::to_owned),
    ];
    for case in &results.cases {
        for (index, name) in results.names.iter().enumerate() {
            rows.push([
                case.case.name(),
                (*name).to_owned(),
                cell(&case.of(index, cpu), 2),
                cell(&case.ratios(index, cpu), 2),
                cell(&case.of(index, rate), 0),
                cell(&case.ratios(index, rate), 2),
                format!("{} of {}", case.rounds.len(), case.case.rounds),
            ]);
        }
    }
    let mut text = format!("\n{}\n", aligned(&rows));
    for (name, count) in results.names.iter().zip(&results.allocations) {
        let ratio = count / results.allocations[0];
        writeln!(text, "heap allocations per call, {name}: {count:.1} (ratio {ratio:.2})")
            .expect(IN_MEMORY);
    }
    for reason in &results.discarded {
        writeln!(text, "did not count: {reason}").expect(IN_MEMORY);
    }
    text + &format!(
        "\nCases are connections x calls in flight on each; values are medians (lowest to highest);\nratios are to {}, round by round.\n",
        results.names[0]
    )
}

const IN_MEMORY: &str = "writing to a string cannot fail";

fn cell(summary: &Summary, decimals: usize) -> String {
    let Summary { median, low, high, .. } = summary;
    format!("{median:.decimals$} ({low:.decimals$} to {high:.decimals$})")
}

/// Pads every column to its widest cell.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Everything that the table shows, and every round.
pub(crate) fn json(results: &Results) -> Value {
    let case = |case: &CaseResult| {
        let contender = |(index, name): (usize, &&str)| {
            let rounds =
                case.rounds.iter().map(|round| json!([round[index].cpu, round[index].rate]));
            let value = json!({
                "cpu_us_per_call": case.of(index, cpu).json(),
                "cpu_ratio": case.ratios(index, cpu).json(),
                "calls_per_second": case.of(index, rate).json(),
                "calls_ratio": case.ratios(index, rate).json(),
                "rounds": rounds.collect::<Vec<_>>(),
            });
            ((*name).to_owned(), value)
        };
        json!({
            "case": case.case.name(),
            "connections": case.case.connections,
            "streams": case.case.streams,
            "calls": case.case.calls,
            "contenders": results.names.iter().enumerate().map(contender).collect::<serde_json::Map<_, _>>(),
        })
    };
    let allocations = results.names.iter().zip(&results.allocations);
    json!({
        "format": FORMAT,
        "plan": results.plan.name(),
        "base": results.names[0],
        "cases": results.cases.iter().map(case).collect::<Vec<_>>(),
        "allocations_per_call": allocations.map(|(name, count)| ((*name).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
        "discarded": results.discarded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::{Case, Plan};

    fn results() -> Results {
        let case = Case { connections: 10, streams: 10, calls: 100, rounds: 3 };
        let round = |base: f64| {
            vec![Run { cpu: base, rate: 1000.0 }, Run { cpu: base / 2.0, rate: 2000.0 }]
        };
        Results {
            plan: Plan::Smoke,
            names: vec!["bare", "rootcap"],
            cases: vec![CaseResult { case, rounds: vec![round(8.0), round(16.0)] }],
            allocations: vec![37.0, 18.5],
            discarded: vec!["10x10: rootcap: it fell over".to_owned()],
        }
    }

    #[test]
    fn the_table_shows_medians_spreads_and_ratios() {
        let expected = "
case   server   CPU us/call            ratio                calls/s              ratio                rounds
10x10  bare     12.00 (8.00 to 16.00)  1.00 (1.00 to 1.00)  1000 (1000 to 1000)  1.00 (1.00 to 1.00)  2 of 3
10x10  rootcap  6.00 (4.00 to 8.00)    0.50 (0.50 to 0.50)  2000 (2000 to 2000)  2.00 (2.00 to 2.00)  2 of 3

heap allocations per call, bare: 37.0 (ratio 1.00)
heap allocations per call, rootcap: 18.5 (ratio 0.50)
did not count: 10x10: rootcap: it fell over

Cases are connections x calls in flight on each; values are medians (lowest to highest);
ratios are to bare, round by round.
";
        assert_eq!(table(&results()), expected);
    }

    #[test]
    fn the_json_holds_every_round() {
        let json = json(&results());
        assert_eq!(json["base"], "bare");
        let rootcap = &json["cases"][0]["contenders"]["rootcap"];
        assert_eq!(rootcap["cpu_ratio"]["median"], 0.5);
        assert_eq!(rootcap["rounds"], json!([[4.0, 2000.0], [8.0, 2000.0]]));
        assert_eq!(json["allocations_per_call"]["rootcap"], 18.5);
        assert_eq!(json["discarded"][0], "10x10: rootcap: it fell over");
    }
}
