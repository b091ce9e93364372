//! `/info`: what runs here, as JSON.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};
use serde::Serialize;

use crate::admin::go_duration::go_duration;
use crate::admin::negotiate::json;
use crate::admin::routes::Admin;

/// Describes the process; JSON only, as scripts expect it.
pub(in crate::admin) fn show(admin: &Admin, _parts: &Parts) -> Response {
    let info = admin.process.info();
    let page = InfoPage {
        version: info.build.version(),
        start_time_epoch_secs: epoch_seconds(info.started),
        current_time_epoch_secs: epoch_seconds(SystemTime::now()),
        uptime: go_duration(info.uptime),
        rustc: info.build.rustc(),
        target: info.build.target(),
        profile: info.build.profile(),
        hostname: &info.hostname,
        pid: info.pid,
        services: &info.services,
    };
    let mut response = Response::new(Body::from(json(&page)));
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// A clock before 1970 reads as 1970.
fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InfoPage<'a> {
    version: &'a str,
    start_time_epoch_secs: u64,
    current_time_epoch_secs: u64,
    uptime: String,
    rustc: &'a str,
    target: &'a str,
    profile: &'a str,
    hostname: &'a str,
    pid: u32,
    services: &'a BTreeMap<String, Vec<String>>,
}
