//! `/debug/stalls`: calls that have blocked their thread, with the stacks of what blocked.

use std::collections::HashMap;
use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use rootcap_layers::access_log::rfc3339;
use serde::Serialize;

use super::threads::stack_table;
use crate::admin::brief::brief;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::StallRows;
use crate::admin::routes::Admin;
use crate::debug::profile::Stack;
use crate::debug::stalls::Stall;
use crate::debug::threads::{Frame, frames};

/// Lists the last stalls.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| Ok(Stalls::of(admin.process.stalls())))
}

#[derive(Serialize)]
struct Stalls {
    threshold_seconds: Option<f64>,
    count: u64,
    stalls: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    number: u64,
    noticed_at: String,
    method: String,
    thread: u32,
    thread_name: String,
    lasted_at_least_seconds: f64,
    goes_on: bool,
    stack: Option<Vec<Frame>>,
}

impl Stalls {
    fn of(StallRows { threshold, count, last }: StallRows) -> Self {
        let stack = |stall: &Stall| Some((stall.number, stall.stack.clone()?));
        let stacks: HashMap<u64, Stack> = last.iter().filter_map(stack).collect();
        // Without names, the rest is worth being shown.
        let mut frames = frames(&stacks).unwrap_or_default();
        let row = |stall: Stall| Row {
            number: stall.number,
            noticed_at: rfc3339(stall.at),
            method: stall.method,
            thread: stall.thread,
            thread_name: stall.thread_name,
            lasted_at_least_seconds: stall.lasted.as_secs_f64(),
            goes_on: stall.goes_on,
            stack: frames.remove(&stall.number),
        };
        let stalls = last.into_iter().map(row).collect();
        Self { threshold_seconds: threshold.as_ref().map(Duration::as_secs_f64), count, stalls }
    }
}

impl Page for Stalls {
    fn title(&self) -> &'static str {
        "Stalls"
    }

    fn facts(&self) -> Vec<String> {
        let Some(threshold) = self.threshold_seconds.map(Duration::from_secs_f64).map(brief) else {
            return vec!["Stalls are not looked for: debug.stall_threshold is \"off\".".to_owned()];
        };
        let listed = match self.stalls.len() {
            0 => String::new(),
            shown => format!(" The last {shown} are listed."),
        };
        vec![
            format!(
                "Calls that have kept their thread for {threshold} or more in one go: {}.{listed}",
                self.count
            ),
            "What blocks belongs into spawn_blocking; what computes for long, too, or it yields now and then.".to_owned(),
        ]
    }

    fn table(&self) -> Table {
        let row = |row: &Row| {
            vec![
                Cell::Number(row.number),
                Cell::Short(row.noticed_at.clone()),
                Cell::Key(row.method.clone()),
                Cell::Short(format!("{} {}", row.thread, row.thread_name)),
                Cell::Short(brief(Duration::from_secs_f64(row.lasted_at_least_seconds))),
                Cell::Short(if row.goes_on { "yes" } else { "" }.to_owned()),
            ]
        };
        let columns = &["Stall", "Noticed at", "Method", "Thread", "Lasted at least", "Goes on"];
        Table { columns, rows: self.stalls.iter().map(row).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        if self.stalls.is_empty() {
            return Vec::new();
        }
        let stacks = self.stalls.iter().filter_map(|row| Some((row.number, row.stack.as_ref()?)));
        let table = stack_table(&["Stalls", "Stack"], stacks);
        vec![("Where the thread was when the stall was noticed, innermost first", table)]
    }
}
