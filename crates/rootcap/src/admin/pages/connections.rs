//! `/connections`: who is connected to the service port now.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::go_duration::go_duration;
use crate::admin::negotiate::{Format, answer};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::ConnectionRow;
use crate::admin::routes::Admin;

/// Lists the open connections.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    let connections: Vec<_> = admin.process.connections().into_iter().map(Row::from).collect();
    let page = Connections { current_connection_count: connections.len(), connections };
    answer(parts, Format::Json, &page)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Connections {
    current_connection_count: usize,
    connections: Vec<Row>,
}

/// One connection; durations as Go prints them, the last activity as the time that passed since.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    addr: String,
    name: Option<String>,
    health_only: bool,
    session_duration: String,
    open_streams: u64,
    total_streams: u64,
    bytes_in: u64,
    bytes_out: u64,
    bytes_unsent: u64,
    pings: u64,
    excess_pings: u64,
    last_activity: String,
}

impl From<ConnectionRow> for Row {
    fn from(row: ConnectionRow) -> Self {
        Self {
            addr: row.addr,
            name: row.name,
            health_only: row.health_only,
            session_duration: go_duration(row.session),
            open_streams: row.open_streams,
            total_streams: row.total_streams,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            bytes_unsent: row.bytes_unsent,
            pings: row.pings,
            excess_pings: row.excess_pings,
            last_activity: go_duration(row.idle),
        }
    }
}

impl Page for Connections {
    fn title(&self) -> &'static str {
        "Connections"
    }

    fn facts(&self) -> Vec<String> {
        vec![format!("Open connections: {}", self.current_connection_count)]
    }

    fn table(&self) -> Table {
        let columns = &[
            "Address",
            "Name",
            "Health only",
            "Open for",
            "Open streams",
            "Total streams",
            "Bytes in",
            "Bytes out",
            "Bytes unsent",
            "Pings",
            "Pings too often",
            "Last activity, ago",
        ];
        let row = |row: &Row| {
            vec![
                Cell::Short(row.addr.clone()),
                Cell::Key(row.name.clone().unwrap_or_default()),
                Cell::Short(if row.health_only { "yes" } else { "" }.to_owned()),
                Cell::Short(row.session_duration.clone()),
                Cell::Number(row.open_streams),
                Cell::Number(row.total_streams),
                Cell::Number(row.bytes_in),
                Cell::Number(row.bytes_out),
                Cell::Number(row.bytes_unsent),
                Cell::Number(row.pings),
                Cell::Number(row.excess_pings),
                Cell::Short(row.last_activity.clone()),
            ]
        };
        Table { columns, rows: self.connections.iter().map(row).collect() }
    }
}
