//! A page: a title, a few facts and a table, written once and rendered as HTML or as text.

use rootcap_layers::excerpt::without_effects;

use super::html::Html;

/// What a handler shows. The JSON form is the type's own `Serialize`.
pub(super) trait Page: serde::Serialize {
    /// The page's title.
    fn title(&self) -> &'static str;

    /// What stands above the table, a line each.
    fn facts(&self) -> Vec<String>;

    /// The table.
    fn table(&self) -> Table;

    /// What stands below the table: further ones, each with its caption.
    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        Vec::new()
    }

    /// The query that gives this page, but for its form: the page's other forms are linked with it.
    fn query(&self) -> String {
        String::new()
    }

    /// After how many seconds a browser looks again.
    fn refresh(&self) -> Option<u64> {
        None
    }

    /// What stands before the table for browsers alone: a form that asks for the page otherwise.
    fn form(&self, _html: &mut Html) {}

    /// What stands below all tables for browsers alone.
    fn pictures(&self, _html: &mut Html) {}
}

/// A table of cells; every row has as many as there are columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: &'static [&'static str],
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Debug)]
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// Something to be read letter by letter, such as a value; it may be long.
    Code(String),
    /// Something short that is not to be broken: an address, a duration.
    Short(String),
    /// A name of several parts, broken between them if need be: a key, an identity.
    Key(String),
    /// A number, which lines up with those above and below.
    Number(u64),
    /// A path of this port, and the words that lead there.
    Link { to: String, text: String },
    /// What is shown, and what changes it: a button.
    Button(Button),
}

/// A button that sends what is beside it.
#[derive(Debug)]
pub(super) struct Button {
    /// What it does, in a word.
    pub(super) label: &'static str,
    /// Where it is sent.
    pub(super) path: &'static str,
    /// The name under which it is sent.
    pub(super) name: &'static str,
    /// What is shown and sent.
    pub(super) value: String,
}

impl Cell {
    /// As text.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Text(text)
            | Self::Code(text)
            | Self::Short(text)
            | Self::Key(text)
            | Self::Link { text, .. } => without_effects(text).into_owned(),
            Self::Number(number) => number.to_string(),
            Self::Button(button) => without_effects(&button.value).into_owned(),
        }
    }
}

/// `page` as text for a terminal, the columns aligned.
pub(super) fn text(page: &impl Page) -> String {
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
    lines.extend(rows.iter().map(|row| row.iter().map(Cell::plain).collect()));
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

/// `page` as HTML.
pub(super) fn html(page: &impl Page) -> String {
    let mut html = Html::default();
    html.markup("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        .markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .markup("<meta name=\"color-scheme\" content=\"light dark\">")
        .markup("<link rel=\"stylesheet\" href=\"/style.css\">");
    if let Some(seconds) = page.refresh() {
        html.markup("<meta http-equiv=\"refresh\" content=\"").text(seconds).markup("\">");
    }
    html.markup("<title>").text(page.title()).markup("</title></head><body><header>");
    nav(&mut html, &page.query());
    html.markup("<h1>").text(page.title()).markup("</h1></header><main>");
    for fact in page.facts() {
        html.markup("<p>").text(without_effects(&fact)).markup("</p>");
    }
    page.form(&mut html);
    table(&mut html, page.title(), &page.table());
    for (caption, below) in page.more_tables() {
        table(&mut html, caption, &below);
    }
    page.pictures(&mut html);
    html.markup("</main></body></html>\n");
    html.into_string()
}

fn nav(html: &mut Html, query: &str) {
    html.markup(
        "<nav aria-label=\"pages\"><a href=\"/\">All pages</a><a href=\"/debug/\">Debug</a>",
    );
    let and = if query.is_empty() { "" } else { "&" };
    for (format, name) in [("json", "JSON"), ("text", "Text")] {
        html.markup("<a href=\"?").text(query).text(and).markup("format=").text(format);
        html.markup("\">").text(name).markup("</a>");
    }
    html.markup("</nav>");
}

/// The table; each cell also carries its column's name, which narrow screens show beside it.
fn table(html: &mut Html, caption: &str, Table { columns, rows }: &Table) {
    html.markup("<table><caption>").text(caption).markup("</caption><thead><tr>");
    for (index, column) in columns.iter().enumerate() {
        let first = rows.first().and_then(|row| row.get(index));
        let is_number = matches!(first, Some(Cell::Number(_)));
        html.markup(if is_number { "<th class=\"number\"" } else { "<th" });
        html.markup(" scope=\"col\">").text(column).markup("</th>");
    }
    html.markup("</tr></thead><tbody>");
    for row in rows {
        html.markup("<tr>");
        for (column, value) in columns.iter().zip(row) {
            html.markup("<td data-column=\"").text(column).markup("\"");
            cell(html, value);
            html.markup("</td>");
        }
        html.markup("</tr>");
    }
    html.markup("</tbody></table>");
}

fn cell(html: &mut Html, value: &Cell) {
    match value {
        Cell::Text(text) => html.markup("><span>").text(without_effects(text)).markup("</span>"),
        Cell::Code(text) => html.markup("><code>").text(without_effects(text)).markup("</code>"),
        Cell::Short(text) => {
            html.markup(" class=\"short\"><span>").text(without_effects(text)).markup("</span>")
        }
        Cell::Key(text) => {
            html.markup(" class=\"key\"><span>");
            // After each of its parts, and not after the slash with which a path begins.
            let text = without_effects(text);
            for (index, part) in text.split_inclusive(['.', '_', '/']).enumerate() {
                html.text(part).markup(if index == 0 && part == "/" { "" } else { "<wbr>" });
            }
            html.markup("</span>")
        }
        Cell::Number(number) => {
            html.markup(" class=\"number\"><span>").text(number).markup("</span>")
        }
        Cell::Link { to, text } => html
            .markup(" class=\"key\"><a href=\"")
            .text(to)
            .markup("\">")
            .text(without_effects(text))
            .markup("</a>"),
        Cell::Button(Button { label, path, name, value }) => html
            .markup(" class=\"short\"><form method=\"post\" action=\"")
            .text(path)
            .markup("\"><code>")
            .text(without_effects(value))
            .markup("</code> <button name=\"")
            .text(name)
            .markup("\" value=\"")
            .text(value)
            .markup("\">")
            .text(label)
            .markup("</button></form>"),
    };
}
