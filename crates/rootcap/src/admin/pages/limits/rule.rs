//! A rule of the limits, as a page shows it.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::tried::named;
use crate::admin::asked::SetBy;
use crate::admin::brief::brief;
use crate::admin::page::Cell;
use crate::admin::path::of_name;
use crate::admin::process::{LimitRow, seconds};
use crate::limits::{Amount, Looks};

/// A rule, its limit, and what it does. What it does not have is `null`.
#[derive(Serialize)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) kind: &'static str,
    #[serde(rename = "match")]
    pub(super) matches: String,
    pub(super) per: String,
    pub(super) quota: Option<String>,
    burst: Option<u32>,
    limit: Option<u64>,
    queue: Option<u64>,
    #[serde(rename = "queue_timeout_seconds", serialize_with = "seconds")]
    queue_timeout: Option<Duration>,
    pub(super) mode: &'static str,
    /// The limit and the mode, as a `PUT` says them.
    #[serde(skip)]
    pub(super) setting: String,
    /// The limit in words.
    #[serde(skip)]
    pub(super) amount: String,
    pub(super) allowed: Option<u64>,
    pub(super) rejected: Option<u64>,
    pub(super) observed: Option<u64>,
    keys: Option<u64>,
    max_keys: Option<u64>,
    in_flight: Option<u64>,
    queued: Option<u64>,
    #[serde(rename = "oldest_wait_seconds", serialize_with = "seconds")]
    oldest_wait: Option<Duration>,
    pub(super) callers: Vec<Caller>,
    #[serde(flatten)]
    pub(super) set_by: SetBy,
}

/// A caller that is being limited now.
#[derive(Serialize)]
pub(super) struct Caller {
    caller: String,
    rate: f64,
    at_least: f64,
    in_flight: Option<u64>,
}

impl Rule {
    pub(super) fn of(row: LimitRow, now: SystemTime) -> Self {
        let LimitRow { described, setting, looks } = row;
        let current = &setting.current().value;
        let burst = current.burst().map(std::num::NonZeroU32::get);
        let (quota, limit, amount) = match &current.amount {
            Amount::Quota { quota, .. } => {
                let at_once = format!("{quota}, {} at once", burst.unwrap_or_default());
                (Some(quota.to_string()), None, at_once)
            }
            Amount::Calls(calls) => {
                let waiting = match described.queue {
                    Some((queue @ 1.., timeout)) => {
                        format!(", {queue} may wait for {}", brief(timeout))
                    }
                    _ => String::new(),
                };
                (None, Some(calls.get().into()), format!("{calls} in flight{waiting}"))
            }
            Amount::Bytes(size) => (None, Some(size.as_u64()), format!("{size} in flight")),
        };
        let Looks { allowed, rejected, observed, keys, in_flight, queued, oldest_wait, callers } =
            looks;
        let callers = callers.into_iter().map(|caller| Caller {
            caller: caller.key,
            rate: caller.rate,
            at_least: caller.at_least,
            in_flight: caller.in_flight,
        });
        Self {
            name: described.name.to_string(),
            kind: described.kind,
            matches: described.matches,
            per: described.per,
            quota,
            burst,
            limit,
            queue: described.queue.map(|(queue, _)| queue),
            queue_timeout: described.queue.map(|(_, timeout)| timeout),
            max_keys: described.max_keys,
            mode: current.mode.as_str(),
            setting: current.to_string(),
            amount,
            allowed,
            rejected,
            observed,
            keys,
            in_flight,
            queued,
            oldest_wait,
            callers: callers.collect(),
            set_by: SetBy::of(&setting, now),
        }
    }

    /// What it does now.
    pub(super) fn now(&self) -> String {
        let counted = |count: Option<u64>, what: &str| count.map(|count| format!("{count} {what}"));
        let waited = self.oldest_wait.map(|wait| format!("the oldest for {}", brief(wait)));
        let callers = match self.max_keys {
            Some(most) => format!("of at most {most} callers known"),
            None => "callers known".to_owned(),
        };
        let parts = [
            counted(self.keys, &callers),
            counted(self.in_flight, "in flight"),
            counted(self.queued, "wait"),
            waited,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Whether there is a caller that it limits now.
    pub(super) fn limits_somebody(&self) -> bool {
        !self.callers.is_empty()
    }

    pub(super) fn cells(&self) -> Vec<Cell> {
        let until = match (&self.set_by.falls_back_to, &self.set_by.expires_in) {
            (None, _) => String::new(),
            (Some(_), None) => "for good".to_owned(),
            (Some(_), Some(left)) => format!("for {left} more"),
        };
        vec![
            Cell::Link { to: of_name("/debug/limits/", &self.name), text: self.name.clone() },
            Cell::Short(self.kind.to_owned()),
            Cell::Key(self.matches.clone()),
            Cell::Key(self.per.clone()),
            Cell::Text(self.amount.clone()),
            Cell::Short(self.mode.to_owned()),
            count(self.allowed),
            count(self.rejected),
            count(self.observed),
            Cell::Text(self.now()),
            Cell::Text(until),
        ]
    }

    pub(super) fn caller_cells(&self) -> impl Iterator<Item = Vec<Cell>> {
        self.callers.iter().map(|caller| {
            let caller_cell = match &*self.per {
                "all" if caller.caller.is_empty() => Cell::Short("all callers".to_owned()),
                _ => named(&caller.caller),
            };
            vec![
                Cell::Key(self.name.clone()),
                caller_cell,
                Cell::Short(format!("{:.1}/s", caller.rate)),
                Cell::Short(format!("{:.1}/s", caller.at_least)),
                Cell::Short(caller.in_flight.map(|calls| calls.to_string()).unwrap_or_default()),
            ]
        })
    }
}

/// A number that may not be known.
pub(super) fn count(number: Option<u64>) -> Cell {
    number.map_or_else(|| Cell::Short(String::new()), Cell::Number)
}
