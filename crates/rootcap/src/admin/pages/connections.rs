//! `/connections`: who is connected to the service port now, and who moves most bytes.

mod talkers;

use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use self::talkers::Talker;
use crate::admin::brief::{brief, size};
use crate::admin::go_duration::go_duration;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::ConnectionRow;
use crate::admin::routes::Admin;

/// Lists the open connections.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Json, &[], |_| Ok(Connections::of(admin.process.connections())))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Connections {
    current_connection_count: usize,
    top_talkers: Vec<Talker>,
    connections: Vec<Row>,
}

impl Connections {
    fn of(rows: Vec<ConnectionRow>) -> Self {
        let top_talkers = talkers::top(&rows);
        let connections: Vec<_> = rows.into_iter().map(Row::from).collect();
        Self { current_connection_count: connections.len(), top_talkers, connections }
    }
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
    bytes_in_per_second: u64,
    bytes_out_per_second: u64,
    bytes_unsent: u64,
    rtt_micros: Option<u64>,
    retransmits: Option<u64>,
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
            bytes_in_per_second: row.bytes_in_per_second,
            bytes_out_per_second: row.bytes_out_per_second,
            bytes_unsent: row.bytes_unsent,
            rtt_micros: row.rtt.map(|rtt| rtt.as_micros() as u64),
            retransmits: row.retransmits,
            pings: row.pings,
            excess_pings: row.excess_pings,
            last_activity: go_duration(row.idle),
        }
    }
}

impl Row {
    fn pings(&self) -> String {
        match self.excess_pings {
            0 => self.pings.to_string(),
            excess => format!("{}, {excess} too often", self.pings),
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let rtt = self.rtt_micros.map(|micros| brief(Duration::from_micros(micros)));
        vec![
            Cell::Short(self.addr.clone()),
            Cell::Key(self.name.clone().unwrap_or_default()),
            Cell::Short(if self.health_only { "yes" } else { "" }.to_owned()),
            Cell::Short(self.session_duration.clone()),
            Cell::Number(self.open_streams),
            Cell::Number(self.total_streams),
            Cell::Number(self.bytes_in),
            Cell::Number(self.bytes_out),
            Cell::Number(self.bytes_unsent),
            Cell::Short(rtt.unwrap_or_default()),
            Cell::Short(self.retransmits.map(|count| count.to_string()).unwrap_or_default()),
            Cell::Short(self.pings()),
            Cell::Short(self.last_activity.clone()),
        ]
    }
}

impl Page for Connections {
    fn title(&self) -> &'static str {
        "Connections"
    }

    fn facts(&self) -> Vec<String> {
        let mut facts = vec![format!("Open connections: {}", self.current_connection_count)];
        if let Some(Talker { peer, bytes_in_per_second, bytes_out_per_second, .. }) =
            self.top_talkers.first()
        {
            let (read, written) = (size(*bytes_in_per_second), size(*bytes_out_per_second));
            facts.push(format!(
                "Most bytes in the last seconds: {peer}, {read} in and {written} out in a second."
            ));
        }
        facts
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
            "Round trip",
            "Sent again",
            "Pings",
            "Idle for",
        ];
        Table { columns, rows: self.connections.iter().map(Row::cells).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        if self.top_talkers.is_empty() {
            return Vec::new();
        }
        let columns = &["Peer", "Connections", "In, a second", "Out, a second"];
        let rows = self.top_talkers.iter().map(Talker::cells).collect();
        vec![("Who moved most bytes in the last seconds", Table { columns, rows })]
    }
}
