//! `/livez`, `/readyz` and `/healthz`: what an orchestrator asks, in few words.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use rootcap_layers::excerpt::without_effects;

use crate::admin::routes::Admin;
use crate::admin::text::plain_response;

/// How old the heartbeat may be. A process that is restarted loses its calls, so this is long: a
/// busy runtime is late by milliseconds, a stuck one by for ever.
const MAX_HEARTBEAT_AGE: Duration = Duration::from_secs(30);

/// Live while the service's runtime runs tasks. Dependencies and a drain have no say: a restart
/// mends neither.
pub(in crate::admin) fn live(admin: &Admin, _parts: &Parts) -> Response {
    let age = admin.process.heartbeat_age();
    if age <= MAX_HEARTBEAT_AGE {
        return plain_response(StatusCode::OK, "ok\n");
    }
    let text = format!("the service's runtime has not run a task for {} s\n", age.as_secs());
    plain_response(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// Ready while nothing says otherwise; the reasons, a line each, if something does.
pub(in crate::admin) fn ready(admin: &Admin, _parts: &Parts) -> Response {
    let reasons = admin.process.not_ready();
    if reasons.is_empty() {
        return plain_response(StatusCode::OK, "ok\n");
    }
    let lines: String = reasons.iter().map(|reason| without_effects(reason) + "\n").collect();
    plain_response(StatusCode::SERVICE_UNAVAILABLE, lines)
}
