//! `/debug/drain`: the drain and what it waits for; at any time, what one would wait for; and beginning one.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use rootcap_layers::excerpt::Excerpt;
use serde::Serialize;

use crate::admin::brief::brief;
use crate::admin::change::Change;
use crate::admin::fields::Fields;
use crate::admin::go_duration::go_duration;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::{Controls, DrainRows, OpenCallRow, OpenMethodRow};
use crate::admin::routes::Admin;
use crate::admin::text::plain_response;

/// Shows the drain; without one, and without `dry_run`, no calls.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &["dry_run"], |fields| {
        let dry_run = dry_run(fields)?;
        Ok(Drain::new(admin.process.drain(), dry_run))
    })
}

/// Begins a drain. What it waits for is no part of the answer, which is made on the thread that keeps the drain's times.
pub(in crate::admin) fn start(
    _admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    _body: &[u8],
) -> Response {
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        let problem = "a POST has no parameters: ?dry_run is for a GET\nNothing was changed.\n";
        return plain_response(StatusCode::BAD_REQUEST, problem);
    }
    if !controls.start_drain() {
        return plain_response(StatusCode::CONFLICT, "a drain has begun already\n");
    }
    let mut response =
        plain_response(StatusCode::OK, "draining; a GET of this page shows what it waits for\n");
    let (old, new) = ("serving".to_owned(), "draining".to_owned());
    response.extensions_mut().insert(Change { what: "drain", old, new, lasts: None });
    response
}

/// Whether the query asks for a dry run.
fn dry_run(fields: &Fields<'_>) -> Result<bool, String> {
    match fields.get("dry_run") {
        None => Ok(false),
        Some("") => Ok(true),
        Some(value) => Err(format!("dry_run has no value, not \"{}\"", Excerpt(value))),
    }
}

#[derive(Serialize)]
struct Drain {
    dry_run: bool,
    #[serde(flatten)]
    rows: DrainRows,
}

impl Drain {
    fn new(mut rows: DrainRows, dry_run: bool) -> Self {
        if !dry_run && rows.began.is_none() {
            rows.methods.clear();
            rows.calls.clear();
        }
        Self { dry_run, rows }
    }

    fn state(&self) -> String {
        let DrainRows { phase, began, lame_duck, deadline, finished_calls, .. } = &self.rows;
        let Some(began) = began else {
            return "Serving. ?dry_run shows what would hold up a drain; a POST begins one."
                .to_owned();
        };
        let left = |until: &Duration| go_duration(until.saturating_sub(*began));
        let next = match *phase {
            "lame duck" => format!("new connections are taken for {} more; ", left(lame_duck)),
            _ => String::new(),
        };
        format!(
            "Draining for {} ({phase}): {next}what is left is cut in {}. Calls finished since: {finished_calls}.",
            go_duration(*began),
            left(deadline)
        )
    }

    fn waits_for(&self) -> String {
        let DrainRows { open_calls, connections, deadline, began, calls, .. } = &self.rows;
        let what = format!(
            "{} on {}",
            number(*open_calls, "open call"),
            number(*connections, "connection")
        );
        let shown = match calls.len() {
            shown if shown < *open_calls => format!(" The {shown} oldest are shown."),
            _ => String::new(),
        };
        match (began, self.dry_run) {
            (Some(_), _) => format!("It waits for {what}.{shown}"),
            (None, true) => {
                format!(
                    "A drain now would wait for {what}, up to {}.{shown}",
                    go_duration(*deadline)
                )
            }
            (None, false) => format!("Open now: {what}."),
        }
    }
}

impl Page for Drain {
    fn title(&self) -> &'static str {
        "Drain"
    }

    fn facts(&self) -> Vec<String> {
        vec![self.state(), self.waits_for()]
    }

    fn table(&self) -> Table {
        let columns = &[
            "Method",
            "Open calls",
            "Oldest",
            "Ended so far",
            "They took on average",
            "Half of them within",
            "99 % within",
        ];
        Table { columns, rows: self.rows.methods.iter().map(method_cells).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        let columns = &["Method", "Peer", "Age", "Deadline in", "Request id"];
        let rows = self.rows.calls.iter().map(call_cells).collect();
        vec![("Open calls, the oldest first", Table { columns, rows })]
    }
}

fn number(of: usize, what: &str) -> String {
    let plural = if of == 1 { "" } else { "s" };
    format!("{of} {what}{plural}")
}

fn method_cells(row: &OpenMethodRow) -> Vec<Cell> {
    let known = |seconds: Option<f64>| match seconds {
        Some(seconds) => brief(Duration::from_secs_f64(seconds)),
        None if row.ended == 0 => String::new(),
        None => "more than is counted".to_owned(),
    };
    vec![
        Cell::Key(row.method.clone()),
        Cell::Number(row.open as u64),
        Cell::Short(go_duration(row.oldest)),
        Cell::Number(row.ended),
        Cell::Short(known(row.mean_seconds)),
        Cell::Short(known(row.half_within_seconds)),
        Cell::Short(known(row.most_within_seconds)),
    ]
}

fn call_cells(row: &OpenCallRow) -> Vec<Cell> {
    vec![
        Cell::Key(row.method.clone()),
        Cell::Short(row.peer.clone()),
        Cell::Short(go_duration(row.age)),
        Cell::Short(row.left.map(go_duration).unwrap_or_default()),
        Cell::Code(row.request_id.clone()),
    ]
}
