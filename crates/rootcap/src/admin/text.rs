//! Plain text for terminals: what others chose is shown, never obeyed.

use std::fmt::Write;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

/// A short plain-text response.
pub(super) fn plain_response(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let value = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// `text` with its control characters written out, so that no name drives a terminal: escape
/// sequences, line breaks, and the marks that turn the reading direction around.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(
            visible("a\x1b[31mb\r\n\u{9b}\u{202e}é"),
            "a\\u{1b}[31mb\\r\\n\\u{9b}\\u{202e}é"
        );
        assert_eq!(visible("plain \"text\" <b>"), "plain \"text\" <b>");
    }
}
