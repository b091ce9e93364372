//! `/debug/pprof/profile`: where the CPU is used in the next seconds.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode};

use super::LONGEST;
use super::form::{self, Form};
use crate::admin::fields::Fields;
use crate::admin::guard::Peer;
use crate::admin::query;
use crate::admin::routes::Admin;
use crate::admin::text::Refusal;
use crate::debug::{self, Refused, Request, Stop};

/// The most samples a second.
const FASTEST: u32 = 1000;
/// What a file of it is called.
const NAME: &str = "profile";
const TITLE: &str = "CPU by thread, method and function";

/// A CPU profile of the next seconds.
pub(in crate::admin) fn profile(admin: &Admin, parts: &Parts, stop: &Stop) -> Response {
    let (request, form) = match wanted(parts) {
        Ok(wanted) => wanted,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    if parts.method == Method::HEAD {
        return form::sent(form, NAME, Body::empty());
    }
    let names = admin.process.polled();
    match debug::profile_cpu(&request, stop, |doing| names.path_of(doing)) {
        Ok(profile) => form::written(&profile, form, NAME, TITLE),
        Err(refused) => Refusal::from(refused).into_response(),
    }
}

fn wanted(parts: &Parts) -> Result<(Request, Form), String> {
    let query = parts.uri.query().unwrap_or_default();
    let fields = Fields::read(query, &["seconds", "hz", "format"])?;
    let number = |name, most, usual| match fields.get(name) {
        Some(value) => query::number(name, value, 1, most),
        None => Ok(usual),
    };
    let (seconds, hz) = (number("seconds", LONGEST, 10)?, number("hz", FASTEST, 100)?);
    let form = Form::of(&fields)?;
    let who = parts.extensions.get::<Peer>().map(|peer| peer.0.as_str().to_owned());
    let who = who.unwrap_or_else(|| "somebody".to_owned());
    Ok((Request { lasts: Duration::from_secs(u64::from(seconds)), hz, who }, form))
}

/// Why there is nothing to show.
impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::Busy(_) => StatusCode::CONFLICT,
            Refused::Absent => StatusCode::NOT_IMPLEMENTED,
            Refused::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, problem: refused.to_string() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn wanted_by(query: &str) -> Result<(Duration, u32, Form), String> {
        let uri = format!("/debug/pprof/profile?{query}");
        let (parts, ()) = http::Request::builder().uri(uri).body(()).unwrap().into_parts();
        wanted(&parts).map(|(request, form)| (request.lasts, request.hz, form))
    }

    #[test]
    fn what_is_wanted_is_bounded_and_said() {
        let seconds = Duration::from_secs;
        assert_eq!(wanted_by(""), Ok((seconds(10), 100, Form::Proto)));
        let all = wanted_by("seconds=300&hz=1000&format=flamegraph");
        assert_eq!(all, Ok((seconds(300), 1000, Form::FlameGraph)));
        for (query, problem) in [
            ("seconds=99999", "seconds=99999: expected a whole number from 1 to 300"),
            ("hz=0", "hz=0: expected a whole number from 1 to 1000"),
            ("format=text", "format=text: expected one of proto, flamegraph"),
        ] {
            assert_eq!(wanted_by(query).unwrap_err(), problem);
        }
    }
}
