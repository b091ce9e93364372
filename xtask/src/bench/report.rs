//! The results as tables. They are Markdown, which people can also read in a terminal.

use std::fmt::Write;

use super::results::{Number, Reached, Results};
use super::statistics::Summary;

const IN_MEMORY: &str = "writing to a string cannot fail";

/// A table for each thing that was measured, and what there is to say besides.
pub(crate) fn tables(results: &Results) -> String {
    let mut text = String::new();
    let mut numbers = &results.numbers[..];
    while let Some(first) = numbers.first() {
        let same = numbers.iter().take_while(|number| number.of == first.of).count();
        let (table, rest) = numbers.split_at(same);
        writeln!(text, "\n### {}\n\n{}", first.of, aligned(&rows(table))).expect(IN_MEMORY);
        text += &note(first);
        numbers = rest;
    }
    let notes = [
        ("not measured", &results.not_measured),
        ("did not count", &results.discarded),
        ("FAILED", &results.failed),
    ];
    for (kind, reasons) in notes {
        for reason in reasons {
            writeln!(text, "\n{kind}: {reason}").expect(IN_MEMORY);
        }
    }
    text
}

/// The contenders of numbers that were measured together.
fn rows(numbers: &[Number]) -> Vec<Vec<String>> {
    // One alone is compared with nobody.
    let columns = if numbers[0].contenders.len() > 1 { 2 } else { 1 };
    let mut head = vec!["server".to_owned()];
    for number in numbers {
        head.extend([number.name.clone(), "ratio".to_owned()].into_iter().take(columns));
    }
    let row = |(index, first): (usize, &Reached)| {
        let mut row = vec![first.contender.clone()];
        for number in numbers {
            let reached = &number.contenders[index];
            let ratio = reached.ratio.as_ref().map_or_else(String::new, cell);
            row.extend([cell(&reached.value), ratio].into_iter().take(columns));
        }
        row
    };
    let rows = numbers[0].contenders.iter().enumerate().map(row);
    [head].into_iter().chain(rows).collect()
}

fn note(number: &Number) -> String {
    let counted = number.contenders.first().map_or(0, |reached| reached.samples.len());
    let rounds = match (counted, number.rounds) {
        (1, 1) => "one round".to_owned(),
        (counted, made) if counted == made => format!("{made} rounds"),
        (counted, made) => format!("{counted} of {made} rounds count"),
    };
    match number.contenders.len() {
        1 => format!("{rounds}\n"),
        _ => format!("{rounds}; ratios to `{}`\n", number.base),
    }
}

/// A median, and how far the values spread if they do.
fn cell(summary: &Summary) -> String {
    let Summary { median, low, high } = *summary;
    let decimals = decimals(median);
    if low == high {
        return number(median);
    }
    format!("{median:.decimals$} ({low:.decimals$} to {high:.decimals$})")
}

/// A number with as many digits as say something.
pub(crate) fn number(value: f64) -> String {
    format!("{value:.0$}", decimals(value))
}

fn decimals(value: f64) -> usize {
    match value.abs() {
        0.0..10.0 => 2,
        10.0..1000.0 => 1,
        _ => 0,
    }
}

/// A Markdown table, every column as wide as its widest cell.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &[String]| {
        let cells: Vec<_> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut lines: Vec<_> = rows.iter().map(|row| line(row)).collect();
    lines.insert(lines.len().min(1), line(&rule));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn tables_show_medians_spreads_and_ratios() {
        let expected = "
### unary 10x10

| server  | CPU us/call         | ratio |
| ------- | ------------------- | ----- |
| bare    | 12.0 (8.0 to 16.0)  | 1.00  |
| rootcap | 6.00 (4.00 to 8.00) | 0.50  |

3 of 4 rounds count; ratios to `bare`

### heap

| server  | allocations/call | ratio |
| ------- | ---------------- | ----- |
| bare    | 37.0             | 1.00  |
| rootcap | 18.5             | 0.50  |

3 rounds; ratios to `bare`

not measured: instructions: valgrind is missing

did not count: unary 10x10: rootcap: it fell over
";
        assert_eq!(tables(&results(0.5)), expected);
    }
}
