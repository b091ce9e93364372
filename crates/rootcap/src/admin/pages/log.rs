//! `/debug/log`: the filter of the log, and changing it for a time.

use std::error::Error;
use std::iter;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use rootcap_layers::access_log::rfc3339;
use serde::Serialize;
use tokio::time::Instant;

use crate::admin::change::Change;
use crate::admin::go_duration::go_duration;
use crate::admin::guard::Peer;
use crate::admin::negotiate::{Format, answer};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::Controls;
use crate::admin::routes::Admin;
use crate::admin::text::plain_response;
use crate::config::optional_duration;
use crate::in_force::{InForce, Replaced};
use crate::telemetry::logs::{ACCEPTED_FILTER, LogsError, USUAL_CHANGE};

/// How long a change may last that ends by itself.
const LASTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// Shows which filter is in force.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer(parts, Format::Text, &Log::of(admin.process.log_filter(), SystemTime::now()))
}

/// Puts the filter that is the body into force, for as long as the query's `for` says.
pub(in crate::admin) fn change(
    admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    body: &[u8],
) -> Response {
    let peer = parts.extensions.get::<Peer>().map(|peer| who(&peer.0));
    let lasts = match lasts(parts.uri.query().unwrap_or_default()) {
        Ok(lasts) => lasts,
        Err(problem) => return refused(&problem),
    };
    let Ok(filter) = std::str::from_utf8(body) else {
        return refused(&format!("the filter is not UTF-8; expected {ACCEPTED_FILTER}"));
    };
    answer_of(controls.change_log_filter(filter, peer, lasts), lasts, admin, parts)
}

/// A peer as the page shows it: its address, and whom its certificate names.
fn who(peer: &rootcap_layers::Peer) -> String {
    match peer.proved_identity() {
        Some(identity) => format!("{} ({identity})", peer.as_str()),
        None => peer.as_str().to_owned(),
    }
}

/// Puts the configured filter into force.
pub(in crate::admin) fn restore(
    admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    _body: &[u8],
) -> Response {
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return refused("a DELETE has no parameters");
    }
    answer_of(controls.restore_log_filter(), None, admin, parts)
}

/// How long the change shall last, from the query; nothing else may be in it: what is mistyped would go unseen.
pub(in crate::admin) fn lasts(query: &str) -> Result<Option<Duration>, String> {
    let mut lasts = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("for", text) if lasts.is_none() => {
                let problem = |problem| format!("for={text}: {problem}");
                lasts = Some(optional_duration(text, LASTS).map_err(problem)?);
            }
            ("for", _) => return Err("the query has more than one \"for\"".to_owned()),
            (name, _) => return Err(format!("there is no parameter {name:?}; expected \"for\"")),
        }
    }
    Ok(lasts.unwrap_or(Some(USUAL_CHANGE)))
}

/// The page as it is after the change; or why there was none.
fn answer_of(
    result: Result<Replaced<String>, LogsError>,
    lasts: Option<Duration>,
    admin: &Admin,
    parts: &Parts,
) -> Response {
    match result {
        Ok(Replaced { old, new }) => {
            let mut response = show(admin, parts);
            response.extensions_mut().insert(Change { what: "log.filter", old, new, lasts });
            response
        }
        Err(error @ LogsError::Filter { .. }) => refused(&with_sources(&error)),
        Err(error) => plain_response(StatusCode::CONFLICT, format!("{}\n", with_sources(&error))),
    }
}

fn refused(problem: &str) -> Response {
    plain_response(StatusCode::BAD_REQUEST, format!("{problem}\nNothing was changed.\n"))
}

fn with_sources(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What the page shows; all of it is absent where the process has a log of its own.
#[derive(Default, Serialize)]
struct Log {
    filter: Option<String>,
    set_by: Option<String>,
    set_at: Option<String>,
    /// When the filter falls back by itself.
    expires_at: Option<String>,
    expires_in: Option<String>,
    /// What it falls back to, where that is another filter.
    falls_back_to: Option<String>,
    configured_by: Option<String>,
}

impl Log {
    fn of(state: Option<InForce<String>>, now: SystemTime) -> Self {
        let Some(state) = state else { return Self::default() };
        let (current, fallback) = (state.current(), state.fallback());
        let left = state.until().map(|until| until.saturating_duration_since(Instant::now()));
        let is_changed = current != fallback;
        Self {
            filter: Some(current.value.clone()),
            set_by: Some(current.by.to_string()),
            set_at: Some(rfc3339(current.at)),
            expires_at: left.and_then(|left| now.checked_add(left)).map(rfc3339),
            expires_in: left.map(go_duration),
            falls_back_to: is_changed.then(|| fallback.value.clone()),
            configured_by: is_changed.then(|| fallback.by.to_string()),
        }
    }
}

impl Page for Log {
    fn title(&self) -> &'static str {
        "Log filter"
    }

    fn facts(&self) -> Vec<String> {
        if self.filter.is_none() {
            return vec![
                "This process has a tracing subscriber of its own: its filter is not known here."
                    .to_owned(),
            ];
        }
        vec![
            "A PUT of a filter, such as info,my_crate=debug, changes it for 10m, or for as long as ?for= says; \
             a DELETE ends that."
                .to_owned(),
        ]
    }

    fn table(&self) -> Table {
        let rows = [
            ("Filter", &self.filter),
            ("Set by", &self.set_by),
            ("Set at", &self.set_at),
            ("Expires at", &self.expires_at),
            ("Expires in", &self.expires_in),
            ("Falls back to", &self.falls_back_to),
            ("Configured by", &self.configured_by),
        ];
        let known = rows.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let row =
            |(name, value): (&str, String)| vec![Cell::Short(name.to_owned()), Cell::Code(value)];
        Table { columns: &["What", "Value"], rows: known.map(row).collect() }
    }
}
