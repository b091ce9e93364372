//! A distribution as a picture: bars over an axis on which each step is ten times the one before.

use std::time::Duration;

use crate::admin::brief::brief;
use crate::admin::html::Html;
use crate::admin::latency::{BarRow, WindowRow};

const WIDTH: f64 = 360.0;
/// Of the bars; the axis is below.
const HEIGHT: f64 = 90.0;
const MARKS: f64 = 14.0;
/// Half of what a mark's words take.
const WORDS: f64 = 12.0;
/// What is shorter stands at the left end.
const SHORTEST: f64 = 1e-6;

/// The axis of one method's pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// The decimal logarithms of the times at its ends, in seconds.
    from: f64,
    to: f64,
}

impl Axis {
    /// From the shortest time to the longest; `None` without any.
    pub(super) fn of(windows: &[WindowRow]) -> Option<Self> {
        let bars = || windows.iter().flat_map(|window| &window.distribution);
        let from = bars().map(|bar| log(bar.from)).reduce(f64::min)?;
        let to = bars().map(|bar| log(bar.to)).reduce(f64::max)?;
        // At least two steps, so that a single bar is no wall.
        let middle = f64::midpoint(from, to);
        Some(Self { from: from.min(middle - 1.0), to: to.max(middle + 1.0) })
    }

    /// Where a time stands.
    fn x(&self, time: Duration) -> f64 {
        ((log(time) - self.from) / (self.to - self.from)).clamp(0.0, 1.0) * WIDTH
    }

    /// The times that are marked: the powers of ten.
    fn marks(&self) -> impl Iterator<Item = Duration> {
        let (first, last) = (self.from.ceil() as i32, self.to.floor() as i32);
        (first..=last).map(|power| Duration::from_secs_f64(10f64.powi(power)))
    }
}

fn log(time: Duration) -> f64 {
    time.as_secs_f64().max(SHORTEST).log10()
}

/// Draws the calls of a window, which has this name.
pub(super) fn draw(html: &mut Html, axis: &Axis, row: &WindowRow, name: &str) {
    let calls = format!("{} calls in {name}", row.calls);
    html.markup("<figure><svg role=\"img\" viewBox=\"0 0 ").text(WIDTH).markup(" ");
    html.text(HEIGHT + MARKS).markup("\" aria-label=\"").text(&calls);
    if let (Some(half), Some(most)) = (row.p50, row.p99) {
        html.text(format_args!(", half within {}, 99 % within {}", brief(half), brief(most)));
    }
    html.markup("\">");
    let highest = row.distribution.iter().map(|bar| bar.calls).max().unwrap_or(1);
    for bar in &row.distribution {
        draw_bar(html, axis, bar, highest);
    }
    draw_axis(html, axis);
    for (part, time) in [("p50", row.p50), ("p99", row.p99)] {
        if let Some(time) = time {
            line(html, "<line class=\"part\"", axis.x(time), 0.0, HEIGHT);
            html.markup("<title>")
                .text(part)
                .markup(" ")
                .text(brief(time))
                .markup("</title></line>");
        }
    }
    html.markup("</svg><figcaption>").text(calls).markup("</figcaption></figure>");
}

fn draw_bar(html: &mut Html, axis: &Axis, bar: &BarRow, highest: u64) {
    let (left, right) = (axis.x(bar.from), axis.x(bar.to));
    // What is there can be seen.
    let height = (bar.calls as f64 / highest as f64 * HEIGHT).max(1.0);
    html.markup("<rect class=\"bar\" x=\"").text(short(left)).markup("\" y=\"");
    html.text(short(HEIGHT - height)).markup("\" width=\"");
    html.text(short((right - left).max(1.0))).markup("\" height=\"").text(short(height));
    html.markup("\"><title>").text(brief(bar.from)).markup(" to ").text(brief(bar.to));
    html.markup(": ").text(bar.calls).markup("</title></rect>");
}

fn draw_axis(html: &mut Html, axis: &Axis) {
    for mark in axis.marks() {
        let x = axis.x(mark);
        line(html, "<line class=\"mark\"", x, HEIGHT, HEIGHT + 3.0);
        html.markup("</line><text class=\"mark\" x=\"");
        html.text(short(x.clamp(WORDS, WIDTH - WORDS))).markup("\" y=\"");
        html.text(HEIGHT + MARKS - 1.0).markup("\">").text(round(mark)).markup("</text>");
    }
    html.markup("<path class=\"mark\" d=\"M0 ").text(HEIGHT).markup("H").text(WIDTH).markup("\"/>");
}

/// An upright line, left open.
fn line(html: &mut Html, begin: &'static str, x: f64, top: f64, bottom: f64) {
    html.markup(begin).markup(" x1=\"").text(short(x)).markup("\" x2=\"").text(short(x));
    html.markup("\" y1=\"").text(top).markup("\" y2=\"").text(bottom).markup("\">");
}

/// A power of ten, in its unit: `100us`, `1ms`, `10s`.
fn round(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros}us"),
        1_000..1_000_000 => format!("{}ms", micros / 1_000),
        _ => format!("{}s", micros / 1_000_000),
    }
}

/// As precise as can be seen.
fn short(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    fn window(micros: &[(u64, u64)]) -> WindowRow {
        let mut row = WindowRow::new("start", Duration::from_secs(9), &Default::default());
        let time = Duration::from_micros;
        let bar = |&(from, to)| BarRow { from: time(from), to: time(to), calls: 1 };
        row.distribution = micros.iter().map(bar).collect();
        row
    }

    #[test]
    fn an_axis_is_marked_at_powers_of_ten() {
        assert_eq!(Axis::of(&[window(&[])]), None);
        let axis = Axis::of(&[window(&[(900, 1_100)]), window(&[(20_000, 21_000)])]).unwrap();
        let marks: Vec<_> = axis.marks().map(round).collect();
        assert_eq!(marks, ["1ms", "10ms"]);
        let x = axis.marks().map(|mark| axis.x(mark).round()).collect::<Vec<_>>();
        assert!(x[0] > 0.0 && x[0] < x[1] && x[1] < WIDTH, "{x:?}");
    }

    proptest! {
        #[test]
        fn every_bar_is_inside_of_the_picture(bars in proptest::collection::vec((0u64..1 << 40, 1u64..1 << 40), 1..40)) {
            let bars: Vec<_> = bars.into_iter().map(|(from, width)| (from, from + width)).collect();
            let row = window(&bars);
            let axis = Axis::of(std::slice::from_ref(&row)).unwrap();
            for bar in &row.distribution {
                let (left, right) = (axis.x(bar.from), axis.x(bar.to));
                prop_assert!(0.0 <= left && left <= right && right <= WIDTH, "{} {}", left, right);
            }
            prop_assert!(axis.marks().count() <= 16);
        }
    }
}
