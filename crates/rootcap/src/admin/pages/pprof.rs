//! `/debug/pprof/`: profiles of the running process, as users of Go know them.

mod cpu;
mod form;
mod heap;

use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use rootcap_layers::access_log::rfc3339;
use serde::Serialize;

pub(in crate::admin) use self::cpu::profile;
pub(in crate::admin) use self::heap::{allocated, in_use, keep};
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::routes::Admin;
use crate::debug::heap::KEPT;

/// The longest profile, in seconds.
const LONGEST: u32 = 300;
/// How long a request for a profile may take: the longest one, and finding the names of functions.
pub(in crate::admin) const TIMEOUT: Duration = Duration::from_secs(LONGEST as u64 + 60);

/// Lists the profiles, and how to read them.
pub(in crate::admin) fn index(_: &Admin, parts: &Parts) -> Response {
    let base = |(number, taken)| Base { number, taken: rfc3339(taken) };
    let bases = KEPT.list().into_iter().map(base).collect();
    answer_query(parts, Format::Text, &[], |_| Ok(Index { profiles: PROFILES, bases }))
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
    (
        "/debug/pprof/heap",
        "The heap: which functions hold memory; with seconds=N or base=N, only what grows; with format=flamegraph, for a \
         browser.",
    ),
    (
        "/debug/pprof/allocs",
        "The heap: which functions have allocated memory since the start; with the same parameters.",
    ),
    ("/debug/pprof/threads", "The threads, and the stack of each."),
    ("/debug/pprof/tasks", "Counters of the runtime, and what the tasks of calls wait for."),
    ("/debug/stalls", "Handlers that have blocked their thread, with the stack of what blocked."),
];

#[derive(Serialize)]
struct Index {
    profiles: &'static [(&'static str, &'static str)],
    /// Heap profiles that others can be compared with.
    bases: Vec<Base>,
}

#[derive(Serialize)]
struct Base {
    number: u64,
    taken: String,
}

impl Page for Index {
    fn title(&self) -> &'static str {
        "Profiles"
    }

    fn facts(&self) -> Vec<String> {
        let bases = self.bases.iter().map(|Base { number, taken }| format!(" {number} ({taken})"));
        let bases = bases.collect::<Vec<_>>().join(",");
        vec![
            "To look at a profile: go tool pprof -http=: HOST:PORT/debug/pprof/profile?seconds=10 \
             (with -tagroot=grpc_method, by method)."
                .to_owned(),
            "For the CPU nothing has to be compiled in, for the heap rootcap::jemalloc!(); a binary without symbols \
             (strip = true) shows addresses for names."
                .to_owned(),
            "A POST to /debug/pprof/heap keeps what the heap is now, as a base to compare with.".to_owned(),
            format!("Bases that are kept:{}.", if bases.is_empty() { " none" } else { &bases }),
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
