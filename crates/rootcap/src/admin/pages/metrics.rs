//! `/metrics`: everything that is counted, in Prometheus' text format.

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};

use crate::admin::routes::Admin;

/// Sends the whole text exposition.
pub(in crate::admin) fn show(admin: &Admin, _parts: &Parts) -> Response {
    let mut response = Response::new(Body::from(admin.process.metrics()));
    let value = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
