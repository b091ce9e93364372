//! `/debug/pprof/tasks`: what the runtime counts of its tasks. Which they are, it does not say.

use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::brief::brief;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::{TaskRows, WorkerRow};
use crate::admin::routes::Admin;

/// Shows the counters.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| Ok(Tasks::from(admin.process.tasks())))
}

#[derive(Serialize)]
struct Tasks {
    alive_tasks: usize,
    /// In the queue that all workers share.
    queued_tasks: usize,
    workers: Vec<Worker>,
}

#[derive(Serialize)]
struct Worker {
    busy_seconds: f64,
    parked: u64,
}

impl From<TaskRows> for Tasks {
    fn from(TaskRows { alive, queued, workers }: TaskRows) -> Self {
        let worker = |WorkerRow { busy, parked }: WorkerRow| Worker {
            busy_seconds: Duration::as_secs_f64(&busy),
            parked,
        };
        let workers = workers.into_iter().map(worker).collect();
        Self { alive_tasks: alive, queued_tasks: queued, workers }
    }
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
            "These are counters of tokio, since the start: what each task waits for, a stable tokio does not tell. \
             What calls wait for is on /debug/calls; handlers that block their worker are on /debug/stalls."
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
}
