//! `/debug/calls`: what is running now, and cancelling a call of it.

use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http::request::Parts;
use rootcap_layers::Phase;
use rootcap_layers::excerpt::{Excerpt, without_effects};

use crate::admin::brief::{brief, size};
use crate::admin::calls::{CallOrder, CallQuery, CallRow, CallRows};
use crate::admin::change::Change;
use crate::admin::fields::Fields;
use crate::admin::html::Html;
use crate::admin::negotiate::{Format, accepted, answer_query};
use crate::admin::page::{Button, Cell, Page, Table};
use crate::admin::process::Controls;
use crate::admin::routes::Admin;
use crate::admin::text::plain_response;

const PATH: &str = "/debug/calls";

/// Lists the calls in flight that the query asks for.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, CallQuery::NAMES, |fields| {
        let query = CallQuery::read(fields)?;
        Ok(Calls { rows: admin.process.calls(&query), query })
    })
}

/// Asks a call to end. A browser goes back to the list.
pub(in crate::admin) fn cancel(
    _admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    body: &[u8],
) -> Response {
    let id = match read_id(parts, body) {
        Ok(id) => id,
        Err(problem) => {
            let text = format!("{problem}\nNothing was changed.\n");
            return plain_response(StatusCode::BAD_REQUEST, text);
        }
    };
    let Some(cancelled) = controls.cancel_call(&id) else {
        let text = format!("no call \"{}\" is in flight; it may have ended\n", Excerpt(&id));
        return plain_response(StatusCode::NOT_FOUND, text);
    };
    let old = format!(
        "{id}: {} of {}, request {}",
        cancelled.method, cancelled.peer, cancelled.request_id
    );
    let mut response = match accepted(&parts.headers, Format::Text) {
        Format::Html => Redirect::to(PATH).into_response(),
        _ => {
            let text = format!("told to end: {}\n", without_effects(&old));
            plain_response(StatusCode::OK, text)
        }
    };
    let new = "cancelled".to_owned();
    response.extensions_mut().insert(Change { what: "call", old, new, lasts: None });
    response
}

/// The body is `id=<id>`, and nothing else says anything.
fn read_id(parts: &Parts, body: &[u8]) -> Result<String, String> {
    const EXPECTED: &str = "expected the body id=<id>, with an id that a GET of this page shows";
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(format!("a POST has no parameters in its path; {EXPECTED}"));
    }
    let body = std::str::from_utf8(body).map_err(|_| format!("not UTF-8; {EXPECTED}"))?;
    let fields = Fields::read(body.trim_end(), &["id"]);
    let fields = fields.map_err(|problem| format!("{problem}; {EXPECTED}"))?;
    let id = fields.get("id").filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| EXPECTED.to_owned())
}

struct Calls {
    rows: CallRows,
    query: CallQuery,
}

impl serde::Serialize for Calls {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl Calls {
    fn in_flight(&self) -> String {
        let phase = |phase: Phase| Some((self.rows.by_phase.get(phase.as_str())?, phase.as_str()));
        let phases = Phase::ALL.into_iter().filter_map(phase);
        let phases: Vec<_> = phases.map(|(count, phase)| format!("{count} {phase}")).collect();
        match self.rows.in_flight {
            0 => "Calls in flight: 0.".to_owned(),
            calls => format!("Calls in flight: {calls} ({}).", phases.join(", ")),
        }
    }

    fn shown(&self) -> String {
        let (shown, matching) = (self.rows.calls.len(), self.rows.matching);
        let order = self.query.sort.as_str();
        match shown < matching {
            true => {
                format!("The first {shown} of {matching} by {order} are shown; limit=N shows more.")
            }
            false => format!("Shown by {order}: {shown}."),
        }
    }
}

impl Page for Calls {
    fn title(&self) -> &'static str {
        "Calls"
    }

    fn facts(&self) -> Vec<String> {
        let legend = "Phases: body (waits for the request), queue, handler (until the head of the answer), streaming, \
                      stalled (its reader takes no more).";
        vec![self.in_flight(), self.shown(), legend.to_owned()]
    }

    fn table(&self) -> Table {
        let columns = &[
            "Id",
            "Method",
            "Phase",
            "Age",
            "Time so far",
            "Deadline in",
            "Caller",
            "Received",
            "Sent",
            "Not taken",
            "Request, trace",
        ];
        Table { columns, rows: self.rows.calls.iter().map(cells).collect() }
    }

    fn query(&self) -> String {
        self.query.to_query()
    }

    fn form(&self, html: &mut Html) {
        let CallQuery { sort, method, peer, phase, limit } = &self.query;
        html.markup("<form class=\"ask\">");
        html.field("Method", "method", method.as_deref().unwrap_or_default());
        html.field("Peer", "peer", peer.as_deref().unwrap_or_default());
        let phases = [""].into_iter().chain(Phase::ALL.map(Phase::as_str));
        html.select("Phase", "phase", phases, phase.map_or("", Phase::as_str));
        html.select("Sorted by", "sort", CallOrder::ALL.map(CallOrder::as_str), sort.as_str());
        html.field("At most", "limit", &limit.to_string());
        html.markup("<button>Show</button></form>");
    }
}

fn cells(row: &CallRow) -> Vec<Cell> {
    let moved = |messages: u64, bytes: u64| Cell::Short(format!("{messages} / {}", size(bytes)));
    let spent = row
        .phase_seconds
        .iter()
        .map(|(phase, seconds)| format!("{phase} {}", brief(Duration::from_secs_f64(*seconds))));
    vec![
        Cell::Button(Button { label: "Cancel", path: PATH, name: "id", value: row.id.clone() }),
        Cell::Key(row.method.clone()),
        Cell::Short(row.phase.to_owned()),
        Cell::Short(brief(row.age)),
        Cell::Text(spent.collect::<Vec<_>>().join(", ")),
        Cell::Short(row.left.map(brief).unwrap_or_default()),
        Cell::Text(caller(row)),
        moved(row.received_messages, row.received_bytes),
        moved(row.sent_messages, row.sent_bytes),
        Cell::Short(if row.unsent_bytes == 0 { String::new() } else { size(row.unsent_bytes) }),
        Cell::Code(format!("{} {}", row.request_id, row.trace_id)),
    ]
}

/// All that is known of who calls: what is proved stands for what is said.
fn caller(row: &CallRow) -> String {
    let name = row.identity.as_ref().or(row.user_agent.as_ref()).cloned();
    let metadata = row.metadata.iter().map(|(name, value)| format!("{name}: {value}"));
    let known = [row.peer.clone()].into_iter().chain(name).chain(metadata);
    known.collect::<Vec<_>>().join("; ")
}
