//! The table of routes: one row each. The router, the guard and the index pages are made from it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use tower_http::timeout::TimeoutLayer;

use super::guard::{self, Access, Guard};
use super::heavy::Turns;
use super::layers;
use super::pages::{
    calls, config, connections, drain, health, index, info, latency, limits, log, memory, metrics,
    pprof, probes, stack, stalls, style, tasks, threads,
};
use super::path::Head;
use super::process::{Controls, Process};
use super::text::plain_response;
use crate::debug::Stop;
use Access::{Guarded, Public};

/// How long a request may take, where its row does not say otherwise.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The routes, in the order in which the index lists them.
#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::get("/", Guarded, index::show, "the list of pages"),
        Row::heavy("/metrics", Public, metrics::show, "all metrics, as Prometheus text"),
        Row::get("/livez", Public, probes::live, "200 while the service's runtime answers its heartbeat"),
        Row::get("/readyz", Public, probes::ready, "200 while ready for calls, else 503 and the reasons"),
        Row::get("/healthz", Public, probes::ready, "the same as /readyz"),
        Row::get("/info", Public, info::show, "what runs here, since when, and its services"),
        Row::heavy("/connections", Guarded, connections::show, "the open connections of the service port"),
        Row::get("/debug/", Guarded, index::show, "the list of debug pages"),
        Row::get("/debug/config", Guarded, config::show, "the effective settings and where each came from"),
        Row::heavy("/debug/drain", Guarded, drain::show, "the drain and what it waits for; with dry_run, what one would wait for"),
        Row::change(Method::POST, "/debug/drain", drain::start, "begins a drain"),
        Row::heavy("/debug/calls", Guarded, calls::show, "the calls in flight: what each does now, and where its time went"),
        Row::change(Method::POST, "/debug/calls", calls::cancel, "cancels the call of an id"),
        Row::heavy("/debug/latency", Guarded, latency::show, "how long the calls of each method took: in the last minute, in the last hour, since the start"),
        Row::get("/debug/health", Guarded, health::show, "the checks of what the server depends on, health by service, and what readiness waits for"),
        Row::heavy("/debug/limits", Guarded, limits::show, "the limits: every rule, who is being limited now, and the last decisions"),
        Row::heavy("/debug/limits/{rule}", Guarded, limits::show_rule, "one rule; with whatif=50/s (and burst=10), what it would have made of the recent calls"),
        Row::change(Method::PUT, "/debug/limits/{rule}", limits::change, "changes a rule, for good or for=10m: quota=50/s&burst=100&mode=observe"),
        Row::change(Method::DELETE, "/debug/limits/{rule}", limits::restore, "puts what is configured of a rule into force again"),
        Row::heavy("/debug/memory", Guarded, memory::show, "the memory of the process: now, in the last minute, in the last day"),
        Row::get("/debug/pprof/", Guarded, pprof::index, "the list of profiles"),
        Row::lasting("/debug/pprof/profile", pprof::profile, pprof::TIMEOUT, "where the CPU is used in the next seconds, for go tool pprof, or as a flame graph"),
        Row::lasting("/debug/pprof/heap", pprof::in_use, pprof::TIMEOUT, "which functions hold memory; with base=N or seconds=N, only what grows"),
        Row::lasting_change(Method::POST, "/debug/pprof/heap", pprof::keep, "keeps what the heap is now, as a base to compare with"),
        Row::lasting("/debug/pprof/allocs", pprof::allocated, pprof::TIMEOUT, "which functions have allocated memory since the start; with base=N or seconds=N, since then"),
        Row::heavy("/debug/pprof/tasks", Guarded, tasks::show, "what the runtime counts of its tasks, and what those of calls wait for"),
        Row::heavy("/debug/pprof/threads", Guarded, threads::show, "the threads of the process, and the stack of each"),
        Row::get("/debug/stack", Guarded, stack::show, "the layers that a call passes, outermost first"),
        Row::heavy("/debug/stalls", Guarded, stalls::show, "calls that have blocked their thread, and what has blocked"),
        Row::get("/debug/log", Guarded, log::show, "the filter of the log"),
        Row::change(Method::PUT, "/debug/log", log::change, "puts another filter in force, for a time"),
        Row::change(Method::DELETE, "/debug/log", log::restore, "puts the configured filter in force again"),
        Row::get("/style.css", Public, style::show, "the style sheet of these pages"),
    ]
}

/// What the handlers share.
pub(super) struct Shared {
    admin: Admin,
    controls: Arc<dyn Controls>,
}

/// What a page is made from: nothing in it changes anything.
pub(super) struct Admin {
    /// The process that is shown.
    pub(super) process: Arc<dyn Process>,
    /// The table of routes, as the index pages list it.
    pub(super) index: Vec<index::Entry>,
}

/// A page: what it shows follows from the process and the head of the request alone.
type Show = fn(&Admin, &Parts) -> Response;

/// A page that takes its time, for as long as somebody waits for it.
type ShowUntil = fn(&Admin, &Parts, &Stop) -> Response;

/// Stops what is done for a request when the request is gone.
struct StopWhenDropped(Stop);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.ask();
    }
}

/// A change, from the request and its body.
type Make = fn(&Admin, &dyn Controls, &Parts, &[u8]) -> Response;

/// One route.
pub(super) struct Row {
    pub(super) method: Method,
    /// Perhaps with a parameter, as axum has them: `/debug/limits/{rule}`.
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) description: &'static str,
    timeout: Duration,
    handler: MethodRouter<Arc<Shared>>,
}

impl Row {
    /// A page that is quickly rendered; it answers GET and HEAD and changes nothing.
    fn get(path: &'static str, access: Access, show: Show, description: &'static str) -> Self {
        let handler = move |State(shared): State<Arc<Shared>>, Head(parts): Head| async move {
            show(&shared.admin, &parts)
        };
        Self::new(Method::GET, path, access, handler, description)
    }

    /// A page that takes long to render, because it grows with what the process does.
    fn heavy(path: &'static str, access: Access, show: Show, description: &'static str) -> Self {
        let turns = Turns::new();
        let handler = move |State(shared): State<Arc<Shared>>, Head(parts): Head| {
            turns.run(move || show(&shared.admin, &parts))
        };
        Self::new(Method::GET, path, access, handler, description)
    }

    /// A page that takes as long as is asked for, and ends when nobody waits for it any more. Never for everyone.
    fn lasting(
        path: &'static str,
        show: ShowUntil,
        timeout: Duration,
        description: &'static str,
    ) -> Self {
        let turns = Turns::new();
        let handler = move |State(shared): State<Arc<Shared>>, parts: Parts| async move {
            let stop = Stop::default();
            let _asked = StopWhenDropped(stop.clone());
            turns.run(move || show(&shared.admin, &parts, &stop)).await
        };
        Self { timeout, ..Self::new(Method::GET, path, Guarded, handler, description) }
    }

    /// What changes something: never for everyone. What it changed, it puts as a [`Change`](super::change::Change)
    /// into the response, and the router logs it.
    pub(super) fn change(
        method: Method,
        path: &'static str,
        make: Make,
        description: &'static str,
    ) -> Self {
        let handler = move |State(shared): State<Arc<Shared>>, Head(parts): Head, body: Bytes| async move {
            make(&shared.admin, &*shared.controls, &parts, &body)
        };
        Self::new(method, path, Guarded, handler, description)
    }

    /// A change that takes its time.
    fn lasting_change(
        method: Method,
        path: &'static str,
        make: Make,
        description: &'static str,
    ) -> Self {
        let turns = Turns::new();
        let handler = move |State(shared): State<Arc<Shared>>, Head(parts): Head, body: Bytes| {
            turns.run(move || make(&shared.admin, &*shared.controls, &parts, &body))
        };
        Self::new(method, path, Guarded, handler, description)
    }

    /// Any route, from any handler.
    pub(super) fn new<H, T>(
        method: Method,
        path: &'static str,
        access: Access,
        handler: H,
        description: &'static str,
    ) -> Self
    where
        H: Handler<T, Arc<Shared>>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone())
            .expect("the table has no methods but those of RFC 9110");
        let handler = on(filter, handler);
        Self { method, path, access, description, timeout: REQUEST_TIMEOUT, handler }
    }

    /// As the index lists it.
    fn entry(&self) -> index::Entry {
        index::Entry {
            method: self.method.to_string(),
            path: self.path,
            access: index::Entry::access(self.access),
            description: self.description,
        }
    }
}

/// The router of `rows`, each behind the guard that its row asks for.
pub(super) fn router<P: Process + Controls>(
    rows: Vec<Row>,
    process: Arc<P>,
    guard: Guard,
) -> Router {
    let guard = Arc::new(guard);
    let index = rows.iter().map(Row::entry).collect();
    let mut router = Router::new();
    for row in rows {
        let timeout = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, row.timeout);
        let gate = from_fn_with_state((guard.clone(), row.access), guard::apply);
        router = router.route(row.path, row.handler.route_layer(timeout).route_layer(gate));
    }
    let router = router
        .fallback(no_such_page)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::new(Shared {
            admin: Admin { process: process.clone(), index },
            controls: process,
        }));
    layers::wrap(router)
}

/// The answer to an unknown path; a list whose last slash was left out is found.
async fn no_such_page(State(shared): State<Arc<Shared>>, parts: Parts) -> Response {
    let path = parts.uri.path();
    let list = shared.admin.index.iter().find(|entry| entry.path.strip_suffix('/') == Some(path));
    match list {
        Some(entry) => Redirect::permanent(entry.path).into_response(),
        None => plain_response(StatusCode::NOT_FOUND, "no such page; / lists those there are\n"),
    }
}

async fn wrong_method() -> Response {
    let text = "this page does not take this method; the Allow header says which\n";
    plain_response(StatusCode::METHOD_NOT_ALLOWED, text)
}
