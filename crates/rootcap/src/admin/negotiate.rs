//! In which form a page is sent: `?format=` decides, else the `Accept` header.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use super::fields::Fields;
use super::page::{self, Page};
use super::query;
use super::text::Refusal;

/// A form that every page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For browsers.
    Html,
    /// For programs.
    Json,
    /// For terminals.
    Text,
}

impl Format {
    const ALL: [Self; 3] = [Self::Html, Self::Json, Self::Text];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Text => "text",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html",
            Self::Json => "application/json",
            Self::Text => "text/plain",
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
        })
    }
}

/// Answers with the page that `make` makes of the query, which has no parameters but these and the form.
pub(super) fn answer_query<P: Page>(
    parts: &Parts,
    usual: Format,
    known: &[&str],
    make: impl FnOnce(&Fields<'_>) -> Result<P, Refusal>,
) -> Response {
    let asked = || -> Result<_, Refusal> {
        let fields =
            Fields::read(parts.uri.query().unwrap_or_default(), &[known, &["format"]].concat())?;
        let format = choose(&fields, &parts.headers, usual)?;
        Ok((format, make(&fields)?))
    };
    match asked() {
        Ok((format, page)) => sent(format, &page),
        Err(refusal) => refusal.into_response(),
    }
}

/// Sends `page` in the form that the request accepts, and in `usual` where it does not say (`curl` does not).
pub(super) fn answer(parts: &Parts, usual: Format, page: &impl Page) -> Response {
    sent(accepted(&parts.headers, usual), page)
}

/// Sends `page` in this form.
pub(super) fn sent(format: Format, page: &impl Page) -> Response {
    let body = match format {
        Format::Html => page::html(page),
        Format::Text => page::text(page),
        Format::Json => json(page),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, format.content_type());
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// `value` as JSON, indented for people, with a line break at its end for terminals.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    let mut json = serde_json::to_string_pretty(value)
        .expect("the pages are plain data with text as keys, which JSON can always hold");
    json.push('\n');
    json
}

/// The form to send: that which the query asks for, else the one that is accepted.
pub(super) fn choose(
    fields: &Fields<'_>,
    headers: &HeaderMap,
    usual: Format,
) -> Result<Format, String> {
    match fields.get("format") {
        Some(name) => query::choice("format", name, &Format::ALL, Format::as_str),
        None => Ok(accepted(headers, usual)),
    }
}

/// The form that the `Accept` header prefers; `usual` if it prefers none or accepts none, because a
/// page in another form is of more use than an error.
pub(super) fn accepted(headers: &HeaderMap, usual: Format) -> Format {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<Range<'_>> =
        values.flat_map(|value| value.split(',')).filter_map(Range::parse).collect();
    let mut best = (usual, quality(&ranges, usual));
    for format in Format::ALL {
        let quality = quality(&ranges, format);
        if quality > best.1 {
            best = (format, quality);
        }
    }
    best.0
}

/// How welcome `format` is, in thousandths: by the most specific range that covers it.
fn quality(ranges: &[Range<'_>], format: Format) -> u16 {
    let media_type = format.media_type();
    let covering = ranges.iter().filter_map(|range| Some((range.rank(media_type)?, range.quality)));
    covering.max_by_key(|(rank, _)| *rank).map_or(0, |(_, quality)| quality)
}

/// One media range of an `Accept` header.
struct Range<'a> {
    kind: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().filter(|kind| kind.contains('/'))?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let quality = match weight {
            Some(weight) => {
                let weight = weight.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q))?;
                (weight * 1000.0).round() as u16
            }
            None => 1000,
        };
        Some(Self { kind, quality })
    }

    /// How closely the range names `media_type`; `None` if it does not cover it.
    fn rank(&self, media_type: &str) -> Option<u8> {
        let (kind, _) = media_type.split_once('/')?;
        match self.kind.split_once('/')? {
            _ if self.kind.eq_ignore_ascii_case(media_type) => Some(2),
            (all_of, "*") if all_of.eq_ignore_ascii_case(kind) => Some(1),
            ("*", "*") => Some(0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    fn chosen(query: &str, accept: Option<&str>, usual: Format) -> Result<Format, String> {
        let headers = accept.map(|accept| (header::ACCEPT, accept.parse().unwrap()));
        let fields = Fields::read(query, &["a", "format"]).unwrap();
        choose(&fields, &HeaderMap::from_iter(headers), usual)
    }

    #[test]
    fn accept_decides_and_curl_gets_the_usual_form() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, usual, expected) in [
            (None, Format::Json, Format::Json),
            (Some("*/*"), Format::Json, Format::Json),
            (Some("*/*"), Format::Text, Format::Text),
            (Some(browser), Format::Json, Format::Html),
            (Some("application/json"), Format::Text, Format::Json),
            (Some("text/*"), Format::Text, Format::Text),
            (Some("text/*;q=0.5, application/json;q=0.4"), Format::Json, Format::Html),
            (Some("*/*, text/html;q=0"), Format::Html, Format::Json),
            (Some("image/png"), Format::Text, Format::Text),
            (Some("nonsense;;q=x,/"), Format::Json, Format::Json),
        ] {
            assert_eq!(chosen("", accept, usual), Ok(expected), "{accept:?}");
        }
    }

    #[test]
    fn the_query_wins_and_must_be_known() {
        let html = Some("text/html");
        assert_eq!(chosen("format=json", html, Format::Text), Ok(Format::Json));
        assert_eq!(chosen("a=b&format=text", html, Format::Json), Ok(Format::Text));
        assert_eq!(chosen("format=html", None, Format::Json), Ok(Format::Html));
        let told = "format=xml: expected one of html, json, text";
        assert_eq!(chosen("format=xml", html, Format::Json).unwrap_err(), told);
        assert!(chosen("format=", html, Format::Json).is_err());
    }

    proptest! {
        #[test]
        fn any_accept_header_gives_a_form(accept in "[ -~]{0,80}") {
            prop_assert!(chosen("", Some(&accept), Format::Json).is_ok());
        }
    }
}
