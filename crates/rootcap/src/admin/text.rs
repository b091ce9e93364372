//! Short answers in plain text.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// A short plain-text response.
pub(super) fn plain_response(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let value = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// What is wrong with a request, in the extensions of its answer: for the log of changes.
#[derive(Debug, Clone)]
pub(super) struct Problem(pub(super) String);

impl Problem {
    pub(super) fn first_line(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }
}

/// Why there is nothing to show.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) problem: String,
}

/// The request says something that is wrong.
impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, problem }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = plain_response(self.status, format!("{}\n", self.problem));
        response.extensions_mut().insert(Problem(self.problem));
        response
    }
}
