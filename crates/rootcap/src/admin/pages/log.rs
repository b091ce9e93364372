//! `/debug/log`: the filter of the log, and changing it for a time.

use std::time::{Duration, SystemTime};

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use crate::admin::asked::{SetBy, by, lasts, no_parameters, refused, with_sources};
use crate::admin::change::Change;
use crate::admin::negotiate::{Format, answer, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::Controls;
use crate::admin::routes::Admin;
use crate::admin::text::plain_response;
use crate::in_force::{InForce, Replaced};
use crate::telemetry::logs::{ACCEPTED_FILTER, LogsError, USUAL_CHANGE};

/// Shows which filter is in force.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| Ok(Log::now(admin)))
}

/// Puts the filter that is the body into force, for as long as the query's `for` says.
pub(in crate::admin) fn change(
    admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    body: &[u8],
) -> Response {
    let lasts = match lasts(parts.uri.query().unwrap_or_default(), Some(USUAL_CHANGE)) {
        Ok(lasts) => lasts,
        Err(problem) => return refused(&problem),
    };
    let Ok(filter) = std::str::from_utf8(body) else {
        return refused(&format!("the filter is not UTF-8; expected {ACCEPTED_FILTER}"));
    };
    answer_of(controls.change_log_filter(filter, by(parts), lasts), lasts, admin, parts)
}

/// Puts the configured filter into force.
pub(in crate::admin) fn restore(
    admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    _body: &[u8],
) -> Response {
    if let Err(problem) = no_parameters(parts) {
        return refused(problem);
    }
    answer_of(controls.restore_log_filter(), None, admin, parts)
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
            let mut response = answer(parts, Format::Text, &Log::now(admin));
            response.extensions_mut().insert(Change { what: "log.filter", old, new, lasts });
            response
        }
        Err(error @ LogsError::Filter { .. }) => refused(&with_sources(&error)),
        Err(error) => plain_response(StatusCode::CONFLICT, format!("{}\n", with_sources(&error))),
    }
}

/// What the page shows; all of it is absent where the process has a log of its own.
#[derive(Default, Serialize)]
struct Log {
    filter: Option<String>,
    #[serde(flatten)]
    set_by: SetBy,
}

impl Log {
    fn now(admin: &Admin) -> Self {
        Self::of(admin.process.log_filter(), SystemTime::now())
    }

    fn of(state: Option<InForce<String>>, now: SystemTime) -> Self {
        let Some(state) = state else { return Self::default() };
        Self { filter: Some(state.current().value.clone()), set_by: SetBy::of(&state, now) }
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
        let filter = self.filter.iter().map(|filter| ("Filter", filter));
        let row = |(name, value): (&str, &String)| {
            vec![Cell::Short(name.to_owned()), Cell::Code(value.clone())]
        };
        Table {
            columns: &["What", "Value"],
            rows: filter.chain(self.set_by.known()).map(row).collect(),
        }
    }
}
