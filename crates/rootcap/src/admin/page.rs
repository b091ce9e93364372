//! A page: a title, a few facts and a table, written once and rendered as HTML or as text.

mod as_html;
mod as_text;

use rootcap_layers::excerpt::without_effects;

use super::html::Html;
pub(super) use as_html::html;
pub(super) use as_text::text;

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
    /// The functions of a stack, innermost first, a line each. A browser shows what it is about, until it is asked for all.
    Stack { about: String, functions: Vec<String> },
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
    /// As text, on one line.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Text(text)
            | Self::Code(text)
            | Self::Short(text)
            | Self::Key(text)
            | Self::Link { text, .. } => without_effects(text).into_owned(),
            Self::Number(number) => number.to_string(),
            Self::Button(button) => without_effects(&button.value).into_owned(),
            Self::Stack { about, .. } => without_effects(about).into_owned(),
        }
    }
}
