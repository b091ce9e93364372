//! `/style.css`: the one style sheet, a file of its own so that the policy can forbid inline styles.

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};

use crate::admin::routes::Admin;

/// Sends the style sheet.
pub(in crate::admin) fn show(_admin: &Admin, _parts: &Parts) -> Response {
    let mut response = Response::new(Body::from(include_str!("style.css")));
    let value = HeaderValue::from_static("text/css; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
