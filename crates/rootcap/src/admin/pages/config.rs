//! `/debug/config`: the settings in effect, and where each came from.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::negotiate::{Format, answer};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::ConfigRow;
use crate::admin::routes::Admin;

/// Lists the settings; secrets were hidden before they came here.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer(parts, Format::Text, &Config { settings: admin.process.config() })
}

#[derive(Serialize)]
struct Config {
    settings: Vec<ConfigRow>,
}

impl Page for Config {
    fn title(&self) -> &'static str {
        "Settings"
    }

    fn facts(&self) -> Vec<String> {
        Vec::new()
    }

    fn table(&self) -> Table {
        let row = |row: &ConfigRow| {
            vec![
                Cell::Key(row.key.clone()),
                Cell::Code(row.value.clone()),
                Cell::Key(row.source.clone()),
                Cell::Text(row.doc.clone()),
            ]
        };
        let columns = &["Key", "Value", "Source", "What it does"];
        Table { columns, rows: self.settings.iter().map(row).collect() }
    }
}
