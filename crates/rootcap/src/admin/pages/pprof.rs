//! `/debug/pprof/`: profiles of the running process, as users of Go know them.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::admin::fields::Fields;
use crate::admin::guard::Peer;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::query;
use crate::admin::routes::Admin;
use crate::admin::text::Refusal;
use crate::debug::flame::Flame;
use crate::debug::profile::Profile;
use crate::debug::{self, Refused, Request, Stop, proto};

/// The longest profile, in seconds.
const LONGEST: u32 = 300;
/// How long a request for a profile may take: the longest one, and finding the names of functions.
pub(in crate::admin) const TIMEOUT: Duration = Duration::from_secs(LONGEST as u64 + 60);
/// The most samples a second.
const FASTEST: u32 = 1000;

/// Lists the profiles, and how to read them.
pub(in crate::admin) fn index(_: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| Ok(Index { profiles: PROFILES }))
}

/// A CPU profile of the next seconds.
pub(in crate::admin) fn profile(admin: &Admin, parts: &Parts, stop: &Stop) -> Response {
    let (request, form) = match wanted(parts) {
        Ok(wanted) => wanted,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    if parts.method == Method::HEAD {
        return sent(form, Body::empty());
    }
    let names = admin.process.polled();
    match debug::profile_cpu(&request, stop, |doing| names.path_of(doing)) {
        Ok(profile) => written(&profile, form),
        Err(refused) => Refusal::from(refused).into_response(),
    }
}

/// In which form a profile is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Proto,
    FlameGraph,
}

impl Form {
    const ALL: [Self; 2] = [Self::Proto, Self::FlameGraph];

    fn as_str(self) -> &'static str {
        match self {
            Self::Proto => "proto",
            Self::FlameGraph => "flamegraph",
        }
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
    let form = |value| query::choice("format", value, &Form::ALL, Form::as_str);
    let form = fields.get("format").map(form).transpose()?.unwrap_or(Form::Proto);
    let who = parts.extensions.get::<Peer>().map(|peer| peer.0.as_str().to_owned());
    let who = who.unwrap_or_else(|| "somebody".to_owned());
    Ok((Request { lasts: Duration::from_secs(u64::from(seconds)), hz, who }, form))
}

fn written(profile: &Profile, form: Form) -> Response {
    if form == Form::Proto {
        return sent(form, proto::gzipped(profile).into());
    }
    let flame = Flame::of("CPU by thread, method and function", profile);
    let policy = HeaderValue::try_from(flame.policy());
    let mut response = sent(form, flame.svg.into());
    // Without it the script does not run: the policy of all other pages is in force.
    if let Ok(policy) = policy {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn sent(form: Form, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = match form {
        Form::Proto => "application/octet-stream",
        Form::FlameGraph => "image/svg+xml",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if form == Form::Proto {
        let name = HeaderValue::from_static("attachment; filename=\"profile.pb.gz\"");
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
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

/// What there is: where, what, and how to read it.
const PROFILES: &[(&str, &str)] = &[
    (
        "/debug/pprof/profile?seconds=10",
        "The CPU: where it is used in the next seconds (1 to 300), sampled at hz=100 (1 to 1000); for go tool pprof.",
    ),
    (
        "/debug/pprof/profile?seconds=10&format=flamegraph",
        "The same as a flame graph, for a browser.",
    ),
    ("/debug/pprof/threads", "The threads, and the stack of each."),
    ("/debug/pprof/tasks", "Counters of the runtime, and what the tasks of calls wait for."),
    ("/debug/stalls", "Handlers that have blocked their thread, with the stack of what blocked."),
];

#[derive(Serialize)]
struct Index {
    profiles: &'static [(&'static str, &'static str)],
}

impl Page for Index {
    fn title(&self) -> &'static str {
        "Profiles"
    }

    fn facts(&self) -> Vec<String> {
        vec![
            "To look at a profile: go tool pprof -http=: HOST:PORT/debug/pprof/profile?seconds=10 \
             (with -tagroot=grpc_method, by method)."
                .to_owned(),
            "Nothing has to be compiled in, but a binary without symbols (strip = true) shows addresses for names."
                .to_owned(),
        ]
    }

    fn table(&self) -> Table {
        let row = |&(path, what): &(&str, &str)| {
            let link = Cell::Link { to: path.to_owned(), text: path.to_owned() };
            vec![link, Cell::Text(what.to_owned())]
        };
        Table {
            columns: &["Profile", "What it shows"],
            rows: self.profiles.iter().map(row).collect(),
        }
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
