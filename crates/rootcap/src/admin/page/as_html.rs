//! A page as HTML.

use rootcap_layers::excerpt::without_effects;

use super::{Button, Cell, Page, Table};
use crate::admin::html::Html;

/// `page` as HTML.
pub(in crate::admin) fn html(page: &impl Page) -> String {
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
        Cell::Stack { about, functions } => stack(html, about, functions),
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

/// What a stack is about, and on demand all its functions, each with its depth.
fn stack<'a>(html: &'a mut Html, about: &str, functions: &[String]) -> &'a mut Html {
    html.markup(" class=\"stack\"><details><summary>").text(without_effects(about));
    html.markup("</summary><ol>");
    for function in functions {
        html.markup("<li>").text(without_effects(function)).markup("</li>");
    }
    html.markup("</ol></details>")
}
