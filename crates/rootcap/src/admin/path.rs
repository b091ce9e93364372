//! The parameter in a route's path: `{rule}` of `/debug/limits/{rule}`.

use axum::extract::{FromRequestParts, RawPathParams, rejection::RawPathParamsRejection};
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is kept of a name in a path: what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The head of a request, with the value of its route's parameter, if that has one.
pub(super) struct Head(pub(super) Parts);

/// Decoded.
#[derive(Clone)]
struct Parameter(String);

impl<S: Send + Sync> FromRequestParts<S> for Head {
    type Rejection = RawPathParamsRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters = RawPathParams::from_request_parts(parts, state).await?;
        if let Some((_, value)) = parameters.iter().next() {
            parts.extensions.insert(Parameter(value.to_owned()));
        }
        Ok(Self(parts.clone()))
    }
}

/// The value of the parameter; empty where the route has none.
pub(super) fn parameter(parts: &Parts) -> &str {
    parts.extensions.get::<Parameter>().map_or("", |Parameter(value)| value)
}

/// Whether a route's path has a parameter: it is then no page that a link could lead to.
pub(super) fn has_parameter(path: &str) -> bool {
    path.contains('{')
}

/// The path `below`, a path of this port that ends in a slash, for `name`.
pub(super) fn of_name(below: &str, name: &str) -> String {
    format!("{below}{}", utf8_percent_encode(name, ESCAPED))
}
