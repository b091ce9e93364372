//! `/debug/memory`, with memory that is made up.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{get, send};
use super::{Fake, MARKUP, start};
use crate::admin::MemoryRows;
use crate::debug::heap::Absent;
use crate::debug::memory::{History, Part, Sample};

/// It grows for two minutes.
pub(super) fn rows() -> MemoryRows {
    let mut history = History::default();
    for look in 0..240_u64 {
        let (at, resident) = (Duration::from_millis(500 * look), (100 + look) << 20);
        history.note(Sample { at, resident, anonymous: resident / 2, ..Sample::default() });
    }
    let resident = Part { name: "resident", key: "VmRSS", bytes: 339 << 20 };
    let values = BTreeMap::from([
        ("cache".to_owned(), "7 entries".to_owned()),
        (MARKUP.to_owned(), MARKUP.to_owned()),
    ]);
    MemoryRows { history, parts: vec![resident], allocator: Err(Absent::OtherAllocator), values }
}

#[test]
fn memory_is_text_for_curl_and_numbers_for_programs() {
    let server = start(Fake::default());
    let text = get(server.address, "/debug/memory");
    for part in ["Resident in the last minute: 219.0 MiB to 339.0 MiB.", "339.0 MiB", "7 entries"] {
        assert!(text.text().contains(part), "{part} in {}", text.text());
    }
    let unknown =
        "What the allocator holds is not known: jemalloc, which samples the heap, is compiled in,";
    assert!(text.text().contains(unknown), "{}", text.text());
    let json = get(server.address, "/debug/memory?format=json").json();
    assert_eq!(json["allocator"], serde_json::Value::Null);
    assert_eq!(json["parts"]["VmRSS"], 339_u64 << 20);
    assert_eq!(
        (&json["values"]["cache"], &json["values"][MARKUP]),
        (&"7 entries".into(), &MARKUP.into())
    );
    let (minute, day) =
        (json["last_minute"].as_array().unwrap(), json["last_day"].as_array().unwrap());
    assert_eq!((minute.len(), day.len()), (121, 2));
    assert_eq!(minute[120]["ago_seconds"], 0.0);
    assert_eq!(minute[0]["resident_bytes"], 219_u64 << 20);
    assert_eq!(day[0]["anonymous_bytes"], (219_u64 << 20) / 2);
}

#[test]
fn browsers_get_pictures() {
    let server = start(Fake::default());
    let headers = [("Host", "localhost"), ("Accept", "text/html")];
    let html = send(server.address, "GET", "/debug/memory", &headers);
    assert_eq!(html.text().matches("<svg role=\"img\"").count(), 2);
    // What is not swapped has no line.
    assert_eq!(html.text().matches("<polyline").count(), 4);
    assert!(
        html.text().contains("The last minute: resident 219.0 MiB at first, 339.0 MiB at last")
    );
}
