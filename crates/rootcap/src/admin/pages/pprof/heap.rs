//! `/debug/pprof/heap` and `/debug/pprof/allocs`: which functions hold memory, and which have allocated it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use super::LONGEST;
use super::form::{self, Form};
use crate::admin::asked;
use crate::admin::change::Change;
use crate::admin::fields::Fields;
use crate::admin::negotiate::{Format, choose, sent};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::Controls;
use crate::admin::query;
use crate::admin::routes::Admin;
use crate::admin::text::{Refusal, plain_response};
use crate::debug::Stop;
use crate::debug::heap::{self, Absent, KEPT, Kept, Snapshot, Which};

const PARAMETERS: &[&str] = &["base", "seconds", "format"];
/// How often is looked whether anybody still waits.
const TICK: Duration = Duration::from_millis(50);

/// Which functions hold memory.
pub(in crate::admin) fn in_use(_: &Admin, parts: &Parts, stop: &Stop) -> Response {
    show(Which::InUse, parts, stop)
}

/// Which functions have allocated memory.
pub(in crate::admin) fn allocated(_: &Admin, parts: &Parts, stop: &Stop) -> Response {
    show(Which::Allocated, parts, stop)
}

fn show(which: Which, parts: &Parts, stop: &Stop) -> Response {
    if let Err(absent) = heap::look(which) {
        return missing(parts, absent);
    }
    let (since, form) = match wanted(parts, &KEPT) {
        Ok(wanted) => wanted,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    let (name, title) = which.words();
    if parts.method == Method::HEAD {
        return form::sent(form, name, Body::empty());
    }
    let profile = since.base(stop).and_then(|base| heap::take()?.profile(which, base.as_deref()));
    match profile {
        Ok(profile) => form::written(&profile, form, name, title),
        Err(error) => failed(&error),
    }
}

impl Which {
    /// The name of a file, and the title of a picture.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InUse => ("heap", "Memory in use, by function"),
            Self::Allocated => ("allocs", "Memory allocated, by function"),
        }
    }
}

/// Since when.
#[derive(Debug)]
enum Since {
    /// Since the start.
    Ever,
    /// Since what was kept.
    Base(Arc<Snapshot>),
    /// From now on, for so long.
    Now(Duration),
}

impl Since {
    /// What is to be compared with, once it is time.
    fn base(self, stop: &Stop) -> io::Result<Option<Arc<Snapshot>>> {
        Ok(match self {
            Self::Ever => None,
            Self::Base(base) => Some(base),
            Self::Now(lasts) => {
                let (base, began) = (heap::take()?, Instant::now());
                while began.elapsed() < lasts && !stop.is_asked() {
                    thread::sleep(TICK.min(lasts.saturating_sub(began.elapsed())));
                }
                Some(Arc::new(base))
            }
        })
    }
}

fn wanted(parts: &Parts, kept: &Kept) -> Result<(Since, Form), String> {
    let query = parts.uri.query().unwrap_or_default();
    let fields = Fields::read(query, PARAMETERS)?;
    let since = match (fields.get("base"), fields.get("seconds")) {
        (None, None) => Since::Ever,
        (Some(base), None) => {
            Since::Base(kept_as(query::number("base", base, 1, u64::MAX)?, kept)?)
        }
        (None, Some(seconds)) => {
            let seconds = query::number("seconds", seconds, 1, LONGEST)?;
            Since::Now(Duration::from_secs(seconds.into()))
        }
        (Some(_), Some(_)) => {
            return Err("base and seconds exclude each other: since when shall it be?".to_owned());
        }
    };
    Ok((since, Form::of(&fields)?))
}

fn kept_as(number: u64, kept: &Kept) -> Result<Arc<Snapshot>, String> {
    kept.get(number).ok_or_else(|| {
        let there: Vec<_> = kept.list().iter().map(|(number, _)| number.to_string()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        format!("base={number}: it is not kept; kept are: {there}; a POST to /debug/pprof/heap keeps another")
    })
}

/// Keeps what the heap is now, to be compared with later.
pub(in crate::admin) fn keep(_: &Admin, _: &dyn Controls, parts: &Parts, body: &[u8]) -> Response {
    if !body.is_empty() || parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return asked::refused("a POST here says nothing but that the heap is to be kept");
    }
    if let Err(absent) = heap::look(Which::InUse) {
        return missing(parts, absent);
    }
    let snapshot = match heap::take() {
        Ok(snapshot) => snapshot,
        Err(error) => return failed(&error),
    };
    match KEPT.keep(snapshot) {
        Ok(number) => told(number),
        Err(problem) => {
            Refusal { status: StatusCode::INSUFFICIENT_STORAGE, problem }.into_response()
        }
    }
}

fn told(number: u64) -> Response {
    let text = format!(
        "kept as base {number}, one of the last four\n\
         what has grown since: /debug/pprof/heap?base={number}\n\
         what was allocated since: /debug/pprof/allocs?base={number}\n"
    );
    let mut response = plain_response(StatusCode::OK, text);
    let (what, old) = ("heap profile", String::new());
    let new = format!("kept as base {number}");
    response.extensions_mut().insert(Change { what, old, new, lasts: None });
    response
}

fn failed(error: &io::Error) -> Response {
    let problem = format!("the heap cannot be looked into: {error}");
    Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, problem }.into_response()
}

/// Says what is missing, as text or for a browser. The forms of profiles are not those of a page.
fn missing(parts: &Parts, absent: Absent) -> Response {
    let fields = match Fields::read(parts.uri.query().unwrap_or_default(), PARAMETERS) {
        Ok(fields) => fields,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    let format = choose(&fields, &parts.headers, Format::Text).unwrap_or(Format::Text);
    let mut response = sent(format, &Missing { missing: absent.to_string() });
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    response
}

/// All that is needed to have them.
const NEEDED: &[(&str, &str)] = &[
    ("Cargo.toml", "rootcap = { version = \"0.1\", features = [\"jemalloc\"] }"),
    ("main.rs", "rootcap::jemalloc!();"),
    ("environment", "no prof:false and no prof_accum:false in _RJEM_MALLOC_CONF"),
];

#[derive(Serialize)]
struct Missing {
    missing: String,
}

impl Page for Missing {
    fn title(&self) -> &'static str {
        "No heap profiles"
    }

    fn facts(&self) -> Vec<String> {
        vec![format!("There is no profile of the heap: {}.", self.missing)]
    }

    fn table(&self) -> Table {
        let row = |(place, what): &(&str, &str)| {
            vec![Cell::Short((*place).to_owned()), Cell::Code((*what).to_owned())]
        };
        let columns = &["Where", "What profiles of the heap need"];
        Table { columns, rows: NEEDED.iter().map(row).collect() }
    }
}
