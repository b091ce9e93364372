//! `/debug/memory`: the memory of the process, now and lately, and what the program says beside it.

mod chart;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::brief::size;
use crate::admin::html::Html;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::{MemoryRows, seconds};
use crate::admin::routes::Admin;
use crate::debug::heap::Absent;
use crate::debug::memory::{History, Part, Sample};

/// Shows the memory. Reading the page tables takes time, so this is no page for the admin thread.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| Ok(Memory::of(admin.process.memory())))
}

#[derive(Serialize)]
struct Memory {
    /// By the name that the kernel gives it.
    parts: BTreeMap<&'static str, u64>,
    /// By the name that the allocator gives it; `None` where it does not say.
    allocator: Option<BTreeMap<&'static str, u64>>,
    /// What the program has registered.
    values: BTreeMap<String, String>,
    /// Twice a second, for a minute; the oldest first.
    last_minute: Vec<Look>,
    /// The most in each minute, for a day; the oldest first.
    last_day: Vec<Look>,
    #[serde(skip)]
    listed: Vec<Part>,
    #[serde(skip)]
    counted: Result<Vec<Part>, Absent>,
    #[serde(skip)]
    history: History,
}

/// Memory at a time.
#[derive(Serialize)]
struct Look {
    #[serde(rename = "ago_seconds", serialize_with = "seconds")]
    ago: Duration,
    resident_bytes: u64,
    anonymous_bytes: u64,
    swapped_bytes: u64,
    /// 0 where the allocator does not say.
    allocated_bytes: u64,
}

impl Memory {
    fn of(rows: MemoryRows) -> Self {
        let MemoryRows { history, parts: listed, allocator: counted, values } = rows;
        let now = history.last().unwrap_or_default().at;
        let look = |sample: Sample| Look {
            ago: now.saturating_sub(sample.at),
            resident_bytes: sample.resident,
            anonymous_bytes: sample.anonymous,
            swapped_bytes: sample.swapped,
            allocated_bytes: sample.allocated,
        };
        let (last_minute, last_day) = (history.recent().map(look), history.minutes().map(look));
        Self {
            parts: by_key(&listed),
            allocator: counted.as_deref().ok().map(by_key),
            values,
            last_minute: last_minute.collect(),
            last_day: last_day.collect(),
            listed,
            counted,
            history,
        }
    }
}

impl Page for Memory {
    fn title(&self) -> &'static str {
        "Memory"
    }

    fn facts(&self) -> Vec<String> {
        if self.listed.is_empty() {
            return vec!["This platform does not say what memory the process uses.".to_owned()];
        }
        let resident = match range(self.history.recent()) {
            Some((least, most)) => {
                format!("Resident in the last minute: {} to {}.", size(least), size(most))
            }
            None => "Nothing was seen of the last minute yet.".to_owned(),
        };
        let heap = match &self.counted {
            Ok(_) => "Which functions hold it: /debug/pprof/heap.".to_owned(),
            Err(absent) => format!("What the allocator holds is not known: {absent}."),
        };
        vec![resident, heap]
    }

    fn table(&self) -> Table {
        table_of(&["Memory", "Size", "In /proc"], &self.listed)
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        let counted = self
            .counted
            .iter()
            .map(|parts| ("The heap", table_of(&["Of the heap", "Size", "In jemalloc"], parts)));
        let row = |(name, value): (&String, &String)| {
            vec![Cell::Key(name.clone()), Cell::Code(value.clone())]
        };
        let columns = &["Name", "Value"];
        let values = Table { columns, rows: self.values.iter().map(row).collect() };
        let values =
            (!values.rows.is_empty()).then_some(("What the program says of itself", values));
        counted.chain(values).collect()
    }

    fn pictures(&self, html: &mut Html) {
        html.markup("<div class=\"pictures\">");
        let minute: Vec<_> = self.history.recent().collect();
        chart::draw(html, "The last minute", &minute);
        let day: Vec<_> = self.history.minutes().collect();
        chart::draw(html, "The last day, the most in each minute", &day);
        html.markup("</div>");
    }
}

fn by_key(parts: &[Part]) -> BTreeMap<&'static str, u64> {
    parts.iter().map(|part| (part.key, part.bytes)).collect()
}

fn table_of(columns: &'static [&'static str], parts: &[Part]) -> Table {
    let row = |part: &Part| {
        vec![
            Cell::Text(part.name.to_owned()),
            Cell::Short(size(part.bytes)),
            Cell::Code(part.key.to_owned()),
        ]
    };
    Table { columns, rows: parts.iter().map(row).collect() }
}

/// The least and the most that was resident.
fn range(samples: impl Iterator<Item = Sample>) -> Option<(u64, u64)> {
    samples
        .map(|sample| (sample.resident, sample.resident))
        .reduce(|(least, most), (one, _)| (one.min(least), one.max(most)))
}
