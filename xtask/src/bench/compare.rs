//! What has moved since an earlier run.

use super::report::aligned;
use super::results::{Reached, Results};

/// A row for each number that both runs have; those that only one has are named.
pub(crate) fn table(before: &Results, now: &Results) -> String {
    let head =
        ["of", "number", "server", "before", "now", "change", "ratio before", "ratio now", "moved"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut new = Vec::new();
    for (of, name, reached) in each(now) {
        let earlier = before.number(of, name).and_then(|number| number.reached(&reached.contender));
        let Some(earlier) = earlier else {
            new.push(format!("not in the earlier run: {of}: {name}: {}\n", reached.contender));
            continue;
        };
        let mut row = vec![of.to_owned(), name.to_owned(), reached.contender.clone()];
        row.extend(cells(earlier, reached));
        rows.push(row);
    }
    let gone = each(before).filter(|(of, name, reached)| {
        now.number(of, name).is_none_or(|number| number.reached(&reached.contender).is_none())
    });
    let gone = gone.map(|(of, name, reached)| {
        format!("not in this run: {of}: {name}: {}\n", reached.contender)
    });
    new.extend(gone);
    format!("\n{}\n{LEGEND}{}", aligned(&rows), new.concat())
}

const LEGEND: &str = "\
`moved` says that the spreads of the two runs, from lowest to highest, have no value in common: of the ratios where there
are any, as what slows a machine down slows the base down as well.
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
    let moved = match before.ratio.zip(now.ratio) {
        // The base's own ratio is 1, whatever becomes of it.
        Some((before, now)) if before != now => before.is_apart_from(&now),
        _ => before.value.is_apart_from(&now.value),
    };
    [
        format!("{:.2}", before.value.median),
        format!("{:.2}", now.value.median),
        change,
        ratio(before),
        ratio(now),
        if moved { "yes" } else { "" }.to_owned(),
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
    fn what_only_one_run_has_is_named() {
        let (mut before, mut now) = (results(0.5), results(0.5));
        before.numbers.remove(1);
        now.numbers.remove(0);
        let table = table(&before, &now);
        assert!(table.contains("not in the earlier run: heap: allocations/call: rootcap"));
        assert!(table.contains("not in this run: unary 10x10: CPU us/call: bare"));
    }
}
