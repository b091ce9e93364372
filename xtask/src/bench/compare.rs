//! What has moved since an earlier run.

use std::collections::BTreeSet;

use super::report::aligned;
use super::results::{Reached, Results};

/// Fewer rounds tell nothing of how far values spread.
const ROUNDS_THAT_TELL: usize = 3;

/// A row for each number that both runs have; what only one has is named.
pub(crate) fn table(before: &Results, now: &Results) -> String {
    let head =
        ["of", "number", "server", "before", "now", "change", "ratio before", "ratio now", "moved"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(each(now).filter_map(|(of, name, reached)| {
        let earlier = before.number(of, name)?.reached(&reached.contender)?;
        let cells = cells(earlier, reached);
        Some([of, name, &reached.contender].map(str::to_owned).into_iter().chain(cells).collect())
    }));
    let mut text = format!("\n{}\n{LEGEND}", aligned(&rows));
    for (one, other, where_not) in [(now, before, "the earlier run"), (before, now, "this run")] {
        for what in only_in(one, other) {
            text += &format!("not in {where_not}: {what}\n");
        }
    }
    text
}

/// What one run has and another has not: tables, or contenders of a table that both have.
fn only_in(one: &Results, other: &Results) -> BTreeSet<String> {
    let missing = |(of, name, reached): (&str, &str, &Reached)| {
        let Some(number) = other.number(of, name) else {
            return Some(of.to_owned());
        };
        let there = number.reached(&reached.contender).is_some();
        (!there).then(|| format!("{of}: {}", reached.contender))
    };
    each(one).filter_map(missing).collect()
}

const LEGEND: &str = "\
`moved` says that the spreads of the two runs have no value in common: of the ratios where there are any, as what slows a
machine down slows the base down as well. Fewer than 3 rounds cannot tell (`?`).
";

fn each(results: &Results) -> impl Iterator<Item = (&str, &str, &Reached)> {
    results.numbers.iter().flat_map(|number| {
        let named = |reached| (number.of.as_str(), number.name.as_str(), reached);
        number.contenders.iter().map(named)
    })
}

fn cells(before: &Reached, now: &Reached) -> [String; 6] {
    let change = match before.value.median {
        0.0 => String::new(),
        median => format!("{:+.1} %", (now.value.median / median - 1.0) * 100.0),
    };
    let ratio = |reached: &Reached| {
        reached.ratio.map_or_else(String::new, |ratio| format!("{:.3}", ratio.median))
    };
    let apart = match before.ratio.zip(now.ratio) {
        // The base's own ratio is 1, whatever becomes of it.
        Some((before, now)) if before != now => before.is_apart_from(&now),
        _ => before.value.is_apart_from(&now.value),
    };
    let moved = match before.samples.len().min(now.samples.len()) {
        ..ROUNDS_THAT_TELL => "?",
        _ if apart => "yes",
        _ => "",
    };
    [
        format!("{:.2}", before.value.median),
        format!("{:.2}", now.value.median),
        change,
        ratio(before),
        ratio(now),
        moved.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    fn rows_of<'a>(table: &'a str, contender: &str) -> Vec<&'a str> {
        table.lines().filter(|line| line.contains(&format!("| {contender} "))).collect()
    }

    #[test]
    fn what_moved_is_marked() {
        let table = table(&results(0.5), &results(0.25));
        let rootcap = rows_of(&table, "rootcap");
        assert!(rootcap[0].contains("6.00") && rootcap[0].contains("3.00"), "{table}");
        assert!(rootcap[0].contains("-50.0 %") && rootcap[0].contains("0.250"), "{table}");
        assert!(rootcap[0].contains("yes"), "{table}");
        let unmoved = [rows_of(&table, "bare"), rootcap[1..].to_vec()].concat();
        assert_eq!(unmoved.len(), 3);
        assert!(unmoved.iter().all(|row| !row.contains("yes")), "{table}");
    }

    #[test]
    fn few_rounds_cannot_tell() {
        let mut before = results(0.5);
        before.numbers[0].contenders[1].samples.pop();
        let table = table(&before, &results(0.25));
        assert!(rows_of(&table, "rootcap")[0].contains("| ?"), "{table}");
    }

    #[test]
    fn what_only_one_run_has_is_named() {
        let (mut before, mut now) = (results(0.5), results(0.5));
        before.numbers.remove(1);
        now.numbers.remove(0);
        let table = table(&before, &now);
        assert!(table.contains("not in the earlier run: heap\n"));
        assert!(table.contains("not in this run: unary 10x10\n"));
    }
}
