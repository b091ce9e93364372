//! What changes have in common: who asks, for how long, what is refused, and how a value that was changed is shown.

use std::error::Error;
use std::iter;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use rootcap_layers::access_log::rfc3339;
use rootcap_layers::excerpt::Excerpt;
use serde::Serialize;
use tokio::time::Instant;

use super::fields::Fields;
use super::go_duration::go_duration;
use super::guard::Peer;
use super::text::Refusal;
use crate::config::outside::optional_duration;
use crate::in_force::InForce;

/// How long a change may last that ends by itself.
const LASTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// The peer that asks, as pages show it: its address, and whom its certificate names.
pub(super) fn by(parts: &Parts) -> Option<String> {
    let Peer(peer) = parts.extensions.get()?;
    Some(match peer.proved_identity() {
        Some(identity) => format!("{} ({identity})", peer.as_str()),
        None => peer.as_str().to_owned(),
    })
}

/// How long the change shall last, from the query's `for`, and as `usual` where it does not say; nothing else may be in it.
pub(super) fn lasts(query: &str, usual: Option<Duration>) -> Result<Option<Duration>, String> {
    let fields = Fields::read(query, &["for"])?;
    let Some(text) = fields.get("for") else { return Ok(usual) };
    optional_duration(text, LASTS).map_err(|problem| format!("for={}: {problem}", Excerpt(text)))
}

/// Tests that a request which undoes a change says nothing of how: it would go unseen.
pub(super) fn no_parameters(parts: &Parts) -> Result<(), &'static str> {
    let has_some = parts.uri.query().is_some_and(|query| !query.is_empty());
    if has_some { Err("a DELETE has no parameters") } else { Ok(()) }
}

/// The answer to what is wrong.
pub(super) fn refused(problem: &str) -> Response {
    let problem = format!("{problem}\nNothing was changed.");
    Refusal { status: StatusCode::BAD_REQUEST, problem }.into_response()
}

/// An error and all that caused it.
pub(super) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How the value in force came to be, and what comes after it.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct SetBy {
    pub(super) set_by: Option<String>,
    pub(super) set_at: Option<String>,
    /// When it falls back by itself.
    pub(super) expires_at: Option<String>,
    pub(super) expires_in: Option<String>,
    /// What it falls back to, where that is another.
    pub(super) falls_back_to: Option<String>,
    pub(super) configured_by: Option<String>,
}

impl SetBy {
    pub(super) fn of<T: Clone + PartialEq + ToString>(state: &InForce<T>, now: SystemTime) -> Self {
        let (current, fallback) = (state.current(), state.fallback());
        let left = state.until().map(|until| until.saturating_duration_since(Instant::now()));
        let is_changed = current != fallback;
        Self {
            set_by: Some(current.by.to_string()),
            set_at: Some(rfc3339(current.at)),
            expires_at: left.and_then(|left| now.checked_add(left)).map(rfc3339),
            expires_in: left.map(go_duration),
            falls_back_to: is_changed.then(|| fallback.value.to_string()),
            configured_by: is_changed.then(|| fallback.by.to_string()),
        }
    }

    /// What is known of it, in words.
    pub(super) fn known(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let rows = [
            ("Set by", &self.set_by),
            ("Set at", &self.set_at),
            ("Expires at", &self.expires_at),
            ("Expires in", &self.expires_in),
            ("Falls back to", &self.falls_back_to),
            ("Configured by", &self.configured_by),
        ];
        rows.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }
}
