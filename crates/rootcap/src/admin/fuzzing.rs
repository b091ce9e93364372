//! What reads a request of the admin port, for the fuzz targets.

use std::{net::IpAddr, path::Path, time::Duration};

use http::request::Parts;

use super::{
    asked,
    fields::Fields,
    guard::Guard,
    negotiate::{self, Format},
    token::Token,
};
use crate::telemetry::logs::check_filter;

/// The guard of a port with the token of a file, or without one.
#[derive(Debug)]
pub struct Gate(Guard);

impl Gate {
    /// # Panics
    /// When the file holds no token.
    pub fn new(token: Option<&Path>) -> Self {
        Self(Guard::new(token.map(|file| Token::from_file(file).expect("a token"))))
    }

    /// Why a request of `peer` may not see a guarded page.
    pub fn refuses(&self, request: &Parts, peer: IpAddr) -> Option<String> {
        let checked = self.0.check(&request.uri, &request.headers, Some(peer));
        checked.err().map(|refusal| refusal.to_string())
    }
}

/// The form in which a page is sent, whose usual one is JSON.
pub fn format(request: &Parts) -> Option<&'static str> {
    let fields = Fields::read(request.uri.query().unwrap_or_default(), &["format"]).ok()?;
    negotiate::choose(&fields, &request.headers, Format::Json).ok().map(Format::as_str)
}

/// What the query of a change says: for how long.
///
/// # Errors
/// The text of the answer.
pub fn lasts(query: &str) -> Result<Option<Duration>, String> {
    asked::lasts(query, None)
}

/// Whether a filter is accepted.
pub fn is_filter(text: &str) -> bool {
    check_filter(text).is_ok()
}
