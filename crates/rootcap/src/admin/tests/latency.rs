//! `/debug/latency`.

use std::time::Duration;

use rootcap_layers::metrics::Tally;

use super::client::get;
use super::{Fake, LatencyRow, MARKUP, start};
use crate::admin::latency::BarRow;
use crate::admin::{PhaseRow, WindowRow};

const PAGE: &str = "/debug/latency";

fn window(window: &'static str, seconds: u64, calls: u64) -> WindowRow {
    let micros = |micros| Some(Duration::from_micros(micros));
    let bar = |from: u64, calls| BarRow {
        from: Duration::from_micros(from),
        to: Duration::from_micros(from + from / 8),
        calls,
    };
    let mut row = WindowRow::new(window, Duration::from_secs(seconds), &Tally::default());
    (row.calls, row.calls_per_second) = (calls, calls as f64 / seconds as f64);
    row.errors.insert("Unavailable", 7);
    (row.p50, row.p90, row.p99, row.p999) = (micros(843), micros(2_100), micros(45_600), None);
    row.distribution = vec![bar(800, calls / 2), bar(2_000, calls / 4), bar(40_000, 1)];
    row
}

fn method(path: &str) -> LatencyRow {
    let phase = |phase, mean| PhaseRow {
        phase,
        calls: 11,
        mean_seconds: Some(mean),
        most_within_seconds: None,
    };
    LatencyRow {
        method: path.to_owned(),
        in_flight: 3,
        windows: vec![
            window("minute", 63, 630),
            window("hour", 3_700, 3_700),
            window("start", 86_400, 0),
        ],
        phases: vec![phase("handler", 0.0005), phase("stalled", 2.0)],
    }
}

fn fake() -> Fake {
    Fake { latency: vec![method("/a.B/C"), method(MARKUP)], ..Fake::default() }
}

#[test]
fn numbers_of_each_window_and_where_the_time_went() {
    let server = start(fake());
    let text = get(server.address, PAGE).text().to_owned();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<_> = text.lines().map(words).collect();
    for line in [
        "/a.B/C the last 1m3s 630 10.0 843us 2.10ms 45.6ms Unavailable 7",
        "/a.B/C 24h0m0s since the start 0 0.0 843us 2.10ms 45.6ms Unavailable 7",
        "/a.B/C handler 11 500us more than is counted",
        "/a.B/C stalled 11 2s more than is counted",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} in {text}");
    }
    let json = get(server.address, &format!("{PAGE}?format=json&limit=1")).json();
    assert_eq!((&json["matching"], json["methods"].as_array().unwrap().len()), (&2.into(), 1));
    let minute = &json["methods"][0]["windows"][0];
    assert_eq!((&minute["seconds"], &minute["p99_seconds"]), (&63.0.into(), &0.0456.into()));
    assert_eq!(minute["errors"]["Unavailable"], 7);
    assert_eq!(minute["distribution"][0]["from_seconds"], 0.0008);
}

#[test]
fn pictures_are_part_of_the_page_and_names_are_never_markup() {
    let server = start(fake());
    let html = get(server.address, &format!("{PAGE}?format=html&refresh=10")).text().to_owned();
    assert_eq!((html.matches("<svg").count(), html.matches("<rect").count()), (6, 18), "{html}");
    assert!(
        html.contains(
            "aria-label=\"630 calls in the last 1m3s, half within 843us, 99 % within 45.6ms\""
        ),
        "{html}"
    );
    assert!(html.contains("<title>800us to 900us: 315</title>"), "{html}");
    assert!(html.contains("<meta http-equiv=\"refresh\" content=\"10\">"), "{html}");
    assert!(!html.contains("<script") && html.contains("<h2>&lt;script&gt;"), "{html}");
    for forbidden in [" style=", "http://", "href=\"#", "NaN", "inf\""] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    let text = get(server.address, PAGE);
    assert!(!text.text().contains('\x1b'));
}

#[test]
fn what_is_mistyped_is_told() {
    let server = start(fake());
    for query in
        ["limit=0", "limit=1001", "refresh=0", "refresh=x", "window=hour", "limit=1&limit=2"]
    {
        assert_eq!(get(server.address, &format!("{PAGE}?{query}")).status, 400, "{query}");
    }
}

#[test]
fn without_calls_there_is_nothing_to_draw() {
    let server = start(Fake::default());
    let html = get(server.address, &format!("{PAGE}?format=html"));
    assert!(html.text().contains("Methods that have been called: 0."), "{}", html.text());
    assert!(!html.text().contains("<svg"), "{}", html.text());
}
