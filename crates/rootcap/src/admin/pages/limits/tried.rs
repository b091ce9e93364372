//! What another quota would have done, as a page shows it.

use std::time::Duration;

use serde::Serialize;

use crate::admin::go_duration::go_duration;
use crate::admin::page::{Cell, Table};
use crate::admin::process::seconds;
use crate::limits::{LimitChange, WhatIf};

/// What another quota would have done.
#[derive(Serialize)]
pub(super) struct Tried {
    quota: String,
    burst: Option<u32>,
    #[serde(rename = "window_seconds", serialize_with = "seconds")]
    window: Duration,
    calls: usize,
    callers: usize,
    would_reject: usize,
    callers_rejected: usize,
    worst: Vec<Worst>,
}

/// A caller that would have been refused.
#[derive(Serialize)]
struct Worst {
    /// `None` where its key is not kept.
    caller: Option<String>,
    would_reject: usize,
}

impl Tried {
    pub(super) fn new(change: &LimitChange, what_if: WhatIf) -> Self {
        let worst =
            what_if.worst.into_iter().map(|(caller, would_reject)| Worst { caller, would_reject });
        Self {
            quota: change.quota.map(|quota| quota.to_string()).unwrap_or_default(),
            burst: change.burst.and_then(|burst| burst.as_set().map(|burst| burst.get())),
            window: what_if.window,
            calls: what_if.calls,
            callers: what_if.callers,
            would_reject: what_if.would_reject,
            callers_rejected: what_if.callers_rejected,
            worst: worst.collect(),
        }
    }

    /// Who would have been refused most.
    pub(super) fn table(&self) -> (&'static str, Table) {
        let row = |worst: &Worst| {
            let unknown = || Cell::Text("(a caller whose key is not kept)".to_owned());
            let caller = worst.caller.as_deref().map_or_else(unknown, named);
            vec![caller, Cell::Number(worst.would_reject as u64)]
        };
        let columns = &["Caller", "Would have been refused"];
        (
            "Who would have been refused most",
            Table { columns, rows: self.worst.iter().map(row).collect() },
        )
    }

    pub(super) fn fact(&self) -> String {
        let Self { quota, burst, window, calls, callers, would_reject, callers_rejected, .. } =
            self;
        let burst = burst.map(|burst| format!(" with {burst} at once")).unwrap_or_default();
        format!(
            "A quota of {quota}{burst} would have refused {would_reject} of the last {calls} calls, which came in {}: \
             those of {callers_rejected} of {callers} callers. Each begins with nothing used up, and calls as it did: \
             who is refused may in truth call more often, or less.",
            go_duration(*window)
        )
    }
}

/// Callers that have nothing of what a rule counts by share a key.
pub(super) fn named(key: &str) -> Cell {
    match key {
        "" => Cell::Text("(callers without a key)".to_owned()),
        key => Cell::Code(key.to_owned()),
    }
}
