//! `/debug/stack`: the layers that a call passes, outermost first.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::LayerRow;
use crate::admin::routes::Admin;

/// Lists the layers.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| Ok(Stack { layers: admin.process.stack() }))
}

#[derive(Serialize)]
struct Stack {
    layers: Vec<LayerRow>,
}

impl Page for Stack {
    fn title(&self) -> &'static str {
        "Stack"
    }

    fn facts(&self) -> Vec<String> {
        vec!["A call passes these layers from the first to the last.".to_owned()]
    }

    fn table(&self) -> Table {
        let row = |row: &LayerRow| {
            vec![
                Cell::Short(row.name.clone()),
                Cell::Code(row.settings.clone()),
                Cell::Text(row.reason.clone()),
            ]
        };
        let columns = &["Layer", "Settings", "Why here"];
        Table { columns, rows: self.layers.iter().map(row).collect() }
    }
}
