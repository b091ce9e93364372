//! `/debug/latency`: how long the calls of each method took, in numbers and in pictures.

mod picture;

use axum::response::Response;
use http::request::Parts;

use self::picture::Axis;
use crate::admin::brief::brief;
use crate::admin::html::Html;
use crate::admin::latency::{LatencyQuery, LatencyRow, LatencyRows, PhaseRow, WindowRow};
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::routes::Admin;

/// Shows the methods that the query asks for.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, LatencyQuery::NAMES, |fields| {
        let query = LatencyQuery::read(fields)?;
        Ok(Latency { rows: admin.process.latency(&query), query })
    })
}

struct Latency {
    rows: LatencyRows,
    query: LatencyQuery,
}

impl serde::Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl Page for Latency {
    fn title(&self) -> &'static str {
        "Latency"
    }

    fn facts(&self) -> Vec<String> {
        let (shown, matching) = (self.rows.methods.len(), self.rows.matching);
        let shown = match shown < matching {
            true => format!(
                "Methods that have been called: {matching}; the {shown} busiest are shown, limit=N shows more."
            ),
            false => format!("Methods that have been called: {matching}."),
        };
        let what = "Calls that have ended, from the arrival of their headers to the end of their answer. Times are right to \
                    an eighth of themselves.";
        vec![shown, what.to_owned()]
    }

    fn table(&self) -> Table {
        let columns =
            &["Method", "Within", "Calls", "Per second", "p50", "p90", "p99", "p99.9", "Errors"];
        let rows = self.rows.methods.iter();
        let rows = rows.flat_map(|method| method.windows.iter().map(|row| cells(method, row)));
        Table { columns, rows: rows.collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        if self.rows.methods.is_empty() {
            return Vec::new();
        }
        let columns = &["Method", "Phase", "Calls in it", "On average", "99 % within"];
        let rows = self.rows.methods.iter();
        let rows = rows.flat_map(|method| method.phases.iter().map(|row| phase_cells(method, row)));
        vec![("Where the time went, since the start", Table { columns, rows: rows.collect() })]
    }

    fn query(&self) -> String {
        self.query.to_query()
    }

    fn refresh(&self) -> Option<u64> {
        self.query.refresh
    }

    fn form(&self, html: &mut Html) {
        let LatencyQuery { method, limit, refresh } = &self.query;
        html.markup("<form class=\"ask\">");
        html.field("Method", "method", method.as_deref().unwrap_or_default());
        html.field("At most", "limit", &limit.to_string());
        let refresh = refresh.map(|seconds| seconds.to_string()).unwrap_or_default();
        html.field("Again every (seconds)", "refresh", &refresh);
        html.markup("<button>Show</button></form>");
    }

    fn pictures(&self, html: &mut Html) {
        for method in &self.rows.methods {
            // One axis for all pictures of a method, so that they can be compared.
            let Some(axis) = Axis::of(&method.windows) else { continue };
            html.markup("<h2>").text(&method.method).markup("</h2><div class=\"pictures\">");
            for window in &method.windows {
                picture::draw(html, &axis, window, &name(window));
            }
            html.markup("</div>");
        }
    }
}

/// What a window is, in words.
fn name(row: &WindowRow) -> String {
    match row.window {
        "start" => format!("{} since the start", brief(row.length)),
        _ => format!("the last {}", brief(row.length)),
    }
}

fn cells(method: &LatencyRow, row: &WindowRow) -> Vec<Cell> {
    let time = |time: Option<std::time::Duration>| Cell::Short(time.map(brief).unwrap_or_default());
    let errors = row.errors.iter().map(|(code, count)| format!("{code} {count}"));
    vec![
        Cell::Key(method.method.clone()),
        Cell::Short(name(row)),
        Cell::Number(row.calls),
        Cell::Short(format!("{:.1}", row.calls_per_second)),
        time(row.p50),
        time(row.p90),
        time(row.p99),
        time(row.p999),
        Cell::Text(errors.collect::<Vec<_>>().join(", ")),
    ]
}

fn phase_cells(method: &LatencyRow, row: &PhaseRow) -> Vec<Cell> {
    let time = |seconds: Option<f64>| {
        let time = seconds.map(|seconds| brief(std::time::Duration::from_secs_f64(seconds)));
        Cell::Short(time.unwrap_or_else(|| "more than is counted".to_owned()))
    };
    vec![
        Cell::Key(method.method.clone()),
        Cell::Short(row.phase.to_owned()),
        Cell::Number(row.calls),
        time(row.mean_seconds),
        time(row.most_within_seconds),
    ]
}
