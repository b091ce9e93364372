//! `/debug/health`: what the server depends on, how it is doing, and what its readiness waits for.

use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::brief::brief;
use crate::admin::go_duration::go_duration;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::{CheckRow, ErrorRow, HealthRows, ServiceRow, WaitingRow};
use crate::admin::routes::Admin;

/// Shows checks, services and latches: from what is known by now, without running anything.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| {
        Ok(Health { not_ready: admin.process.not_ready(), rows: admin.process.health() })
    })
}

#[derive(Serialize)]
struct Health {
    not_ready: Vec<String>,
    #[serde(flatten)]
    rows: HealthRows,
}

impl Page for Health {
    fn title(&self) -> &'static str {
        "Health"
    }

    fn facts(&self) -> Vec<String> {
        let ready = match &self.not_ready[..] {
            [] => "Ready.".to_owned(),
            reasons => format!("Not ready: {}.", reasons.join("; ")),
        };
        let checks = match &self.rows.checks[..] {
            [] => "There are no checks of dependencies: Builder::health_check adds them.",
            _ => {
                "What a check affects is not serving from its third failure in a row to its next success."
            }
        };
        vec![ready, checks.to_owned()]
    }

    fn table(&self) -> Table {
        let columns = &[
            "Check",
            "State",
            "For",
            "Failures in a row",
            "Last run took",
            "Next run",
            "Every",
            "Timeout",
            "Affects",
            "Last error",
        ];
        Table { columns, rows: self.rows.checks.iter().map(check_cells).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        let columns = &["Service", "Status", "Withheld by checks"];
        let services =
            Table { columns, rows: self.rows.services.iter().map(service_cells).collect() };
        let mut tables = vec![("Health of the services", services)];
        if !self.rows.waiting.is_empty() {
            let columns = &["Waiting for", "For", "Held by"];
            let rows = self.rows.waiting.iter().map(waiting_cells).collect();
            tables.push(("What readiness waits for", Table { columns, rows }));
        }
        tables
    }
}

fn check_cells(row: &CheckRow) -> Vec<Cell> {
    let short = |time: Option<Duration>| time.map(brief).unwrap_or_default();
    let error = |ErrorRow { text, ago }: &ErrorRow| format!("{text} ({} ago)", go_duration(*ago));
    let next = match (row.running, row.next) {
        (Some(time), _) => format!("running for {}", go_duration(time)),
        (None, Some(time)) => format!("in {}", go_duration(time)),
        (None, None) => "never".to_owned(),
    };
    vec![
        Cell::Key(row.name.clone()),
        Cell::Short(row.state.to_owned()),
        Cell::Short(go_duration(row.in_state)),
        Cell::Number(row.failures_in_a_row.into()),
        Cell::Short(short(row.last_duration)),
        Cell::Short(next),
        Cell::Short(brief(row.interval)),
        Cell::Short(brief(row.timeout)),
        Cell::Key(if row.affects.is_empty() { "nothing".into() } else { row.affects.join(", ") }),
        Cell::Text(row.last_error.as_ref().map(error).unwrap_or_default()),
    ]
}

fn service_cells(row: &ServiceRow) -> Vec<Cell> {
    let name = if row.service.is_empty() { "(the whole server)" } else { &row.service };
    vec![
        Cell::Key(name.to_owned()),
        Cell::Short(row.status.to_owned()),
        Cell::Text(row.withheld_by.join(", ")),
    ]
}

fn waiting_cells(row: &WaitingRow) -> Vec<Cell> {
    let held_by = match (row.holders, row.panicked) {
        (holders, false) => holders.to_string(),
        (0, true) => "a panic".to_owned(),
        (holders, true) => format!("{holders}, and a panic"),
    };
    vec![Cell::Text(row.name.clone()), Cell::Short(go_duration(row.held)), Cell::Text(held_by)]
}
