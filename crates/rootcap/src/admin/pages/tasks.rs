//! `/debug/pprof/tasks`: what the runtime counts of its tasks, and what those of calls wait for. What others wait for, the
//! runtime says only where its dump is compiled in.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;

use crate::admin::brief::brief;
use crate::admin::calls::{CallQuery, CallRow, CallRows};
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::{TaskRows, WorkerRow, seconds};
use crate::admin::query;
use crate::admin::routes::Admin;
use crate::admin::text::Refusal;
use crate::debug::dump::{NoDump, Waits};

/// The oldest calls, of which is told what they wait for.
const MOST_CALLS: usize = 10_000;
/// As many groups of them: callers may call what they like.
const MOST_GROUPS: usize = 100;

/// Shows the counters.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &["dump"], |fields| {
        let calls = admin.process.calls(&CallQuery { limit: MOST_CALLS, ..CallQuery::default() });
        let mut tasks = Tasks::of(admin.process.tasks(), &calls);
        if let Some(value) = fields.get("dump")
            && query::choice("dump", value, &[true, false], on_or_off)?
        {
            tasks.dump = Some(admin.process.dump_tasks()?);
        }
        Ok(tasks)
    })
}

fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

impl From<NoDump> for Refusal {
    fn from(none: NoDump) -> Self {
        let status = match none {
            NoDump::Absent | NoDump::OneThread => StatusCode::NOT_IMPLEMENTED,
            NoDump::Blocked(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { status, problem: none.to_string() }
    }
}

#[derive(Serialize)]
struct Tasks {
    alive_tasks: usize,
    /// In the queue that all workers share.
    queued_tasks: usize,
    workers: Vec<Worker>,
    /// What calls wait for, those of most calls first.
    waiting: Vec<Waiting>,
    /// What all tasks wait for, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    dump: Option<Vec<Waits>>,
}

#[derive(Serialize)]
struct Worker {
    busy_seconds: f64,
    parked: u64,
}

/// Calls of one method that do the same.
#[derive(Serialize)]
struct Waiting {
    method: String,
    phase: &'static str,
    calls: usize,
    #[serde(rename = "oldest_seconds", serialize_with = "seconds")]
    oldest: Duration,
}

impl Tasks {
    fn of(TaskRows { alive, queued, workers }: TaskRows, calls: &CallRows) -> Self {
        let worker = |WorkerRow { busy, parked }: WorkerRow| Worker {
            busy_seconds: Duration::as_secs_f64(&busy),
            parked,
        };
        let workers = workers.into_iter().map(worker).collect();
        Self {
            alive_tasks: alive,
            queued_tasks: queued,
            workers,
            waiting: waiting(&calls.calls),
            dump: None,
        }
    }
}

fn waiting(calls: &[CallRow]) -> Vec<Waiting> {
    let mut groups: BTreeMap<(&str, &'static str), (usize, Duration)> = BTreeMap::new();
    for CallRow { method, phase, age, .. } in calls {
        let (count, oldest) = groups.entry((method, phase)).or_default();
        (*count, *oldest) = (*count + 1, (*oldest).max(*age));
    }
    let group = |((method, phase), (calls, oldest)): ((&str, _), _)| Waiting {
        method: method.to_owned(),
        phase,
        calls,
        oldest,
    };
    let mut waiting: Vec<_> = groups.into_iter().map(group).collect();
    waiting.sort_by_key(|group| Reverse(group.calls));
    waiting.truncate(MOST_GROUPS);
    waiting
}

impl Page for Tasks {
    fn title(&self) -> &'static str {
        "Tasks"
    }

    fn facts(&self) -> Vec<String> {
        let Self { alive_tasks, queued_tasks, .. } = self;
        vec![
            format!(
                "Tasks of the service's runtime that have not ended: {alive_tasks}. In the queue of all workers: {queued_tasks}."
            ),
            "The counters of workers are tokio's, since the start. What each task waits for, a stable tokio does not tell; \
             where its dump is compiled in, ?dump=on pauses the workers, and asks each task. Of calls it is always known: \
             each is on /debug/calls, and handlers that block their worker are on /debug/stalls."
                .to_owned(),
        ]
    }

    fn table(&self) -> Table {
        let row = |(number, worker): (usize, &Worker)| {
            vec![
                Cell::Number(number as u64),
                Cell::Short(brief(Duration::from_secs_f64(worker.busy_seconds))),
                Cell::Number(worker.parked),
            ]
        };
        let columns = &["Worker", "Busy for", "Times without anything to do"];
        Table { columns, rows: self.workers.iter().enumerate().map(row).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        let calls = (!self.waiting.is_empty())
            .then(|| ("What the tasks of calls wait for", self.waiting_calls()));
        let dump = self.dump.as_deref().map(|dump| ("Where tasks wait", places(dump)));
        calls.into_iter().chain(dump).collect()
    }
}

impl Tasks {
    fn waiting_calls(&self) -> Table {
        let row = |Waiting { method, phase, calls, oldest }: &Waiting| {
            vec![
                Cell::Key(method.clone()),
                Cell::Short((*phase).to_owned()),
                Cell::Number(*calls as u64),
                Cell::Short(brief(*oldest)),
            ]
        };
        let columns = &["Method", "Phase", "Calls", "The oldest since"];
        Table { columns, rows: self.waiting.iter().map(row).collect() }
    }
}

/// A row for each place, which is named by its innermost function.
fn places(dump: &[Waits]) -> Table {
    let row = |Waits { tasks, lines }: &Waits| {
        let about =
            lines.last().map(|line| line.trim_start_matches(['└', '├', '│', '╼', ' ', '\u{a0}']));
        let about = about.unwrap_or("at no await of tokio's").to_owned();
        vec![Cell::Number(*tasks as u64), Cell::Stack { about, functions: lines.clone() }]
    };
    Table { columns: &["Tasks", "Where"], rows: dump.iter().map(row).collect() }
}
