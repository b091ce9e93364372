//! A page as text for a terminal: the columns aligned.

use rootcap_layers::excerpt::without_effects;

use super::{Cell, Page, Table};

/// `page` as text for a terminal, the columns aligned.
pub(in crate::admin) fn text(page: &impl Page) -> String {
    let mut out = String::new();
    for fact in page.facts() {
        out.push_str(&without_effects(&fact));
        out.push('\n');
    }
    text_table(&mut out, &page.table());
    for (caption, table) in page.more_tables() {
        out.push('\n');
        out.push_str(caption);
        out.push('\n');
        text_table(&mut out, &table);
    }
    out
}

fn text_table(out: &mut String, Table { columns, rows }: &Table) {
    let mut lines = vec![columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().flat_map(|row| row_lines(row)));
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|column| width(column).unwrap_or(0)).collect();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        out.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
}

/// The lines of a row: one, but for a stack, which has one for each function.
fn row_lines(row: &[Cell]) -> Vec<Vec<String>> {
    let line = |number: usize| {
        let cell = |cell: &Cell| match cell {
            Cell::Stack { functions, .. } => {
                functions.get(number).map(|it| without_effects(it).into_owned()).unwrap_or_default()
            }
            _ if number == 0 => cell.plain(),
            _ => String::new(),
        };
        row.iter().map(cell).collect()
    };
    let height = |cell: &Cell| match cell {
        Cell::Stack { functions, .. } => functions.len(),
        _ => 1,
    };
    (0..row.iter().map(height).max().unwrap_or(1)).map(line).collect()
}
