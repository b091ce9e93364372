//! Memory over time as a picture: lines over an axis that begins at nothing.

use std::time::Duration;

use crate::admin::brief::size;
use crate::admin::go_duration::go_duration;
use crate::admin::html::Html;
use crate::debug::memory::Sample;

const WIDTH: f64 = 360.0;
/// Of the lines.
const HEIGHT: f64 = 100.0;
/// Of the words above and below.
const WORDS: f64 = 14.0;

/// A line: its class, its name, and what it follows.
type Line = (&'static str, &'static str, fn(&Sample) -> u64);

const LINES: [Line; 4] = [
    ("first", "resident (whole line)", |sample| sample.resident),
    ("second", "of no file (dashes)", |sample| sample.anonymous),
    ("third", "swapped (dots)", |sample| sample.swapped),
    ("fourth", "allocated (dashes and dots)", |sample| sample.allocated),
];

/// Draws samples, the oldest first; of fewer than two there is nothing to draw.
pub(super) fn draw(html: &mut Html, name: &str, samples: &[Sample]) {
    let ([first, .., last], Some(scale)) = (samples, Scale::of(samples)) else { return };
    let span = last.at.saturating_sub(first.at);
    html.markup("<figure><svg role=\"img\" viewBox=\"0 0 ").text(WIDTH).markup(" ");
    html.text(HEIGHT + 2.0 * WORDS).markup("\" aria-label=\"").text(name);
    html.markup(": resident ").text(size(first.resident)).markup(" at first, ");
    html.text(size(last.resident)).markup(" at last\">");
    for part in [1.0, 0.5, 0.0] {
        let y = WORDS + HEIGHT * (1.0 - part);
        html.markup("<line class=\"mark\" x1=\"0\" x2=\"").text(WIDTH).markup("\" y1=\"");
        html.text(y).markup("\" y2=\"").text(y).markup("\"/>");
        if part > 0.0 {
            word(html, "first", 0.0, y - 3.0, &size((scale.most as f64 * part) as u64));
        }
    }
    let below = HEIGHT + 2.0 * WORDS - 3.0;
    word(html, "first", 0.0, below, &format!("{} ago", go_duration(span)));
    word(html, "last", WIDTH, below, "now");
    let lines = LINES.iter().filter(|(_, _, of)| samples.iter().any(|sample| of(sample) > 0));
    lines.clone().for_each(|(class, _, of)| line(html, class, samples, &scale, *of));
    html.markup("</svg><figcaption>").text(name);
    let names: Vec<_> = lines.map(|(_, name, _)| *name).collect();
    html.markup(": ").text(names.join(", ")).markup("</figcaption></figure>");
}

/// Where things stand.
struct Scale {
    from: Duration,
    seconds: f64,
    most: u64,
}

impl Scale {
    /// `None` where the samples take no time.
    fn of(samples: &[Sample]) -> Option<Self> {
        let (from, to) = (samples.first()?.at, samples.last()?.at);
        let highest = |sample| LINES.iter().map(|(_, _, of)| of(sample)).max();
        let most = samples.iter().filter_map(highest).max()?;
        let seconds = to.saturating_sub(from).as_secs_f64();
        (seconds > 0.0).then(|| Self { from, seconds, most: round_up(most) })
    }

    fn place(&self, sample: &Sample, bytes: u64) -> (f64, f64) {
        let along = sample.at.saturating_sub(self.from).as_secs_f64() / self.seconds;
        let up = bytes as f64 / self.most as f64;
        (along * WIDTH, WORDS + HEIGHT * (1.0 - up))
    }
}

/// The next of 1, 2 and 5 KiB, MiB, .. or of ten or a hundred of them.
fn round_up(bytes: u64) -> u64 {
    let mut unit = 1024_u64;
    while unit.saturating_mul(1024) <= bytes {
        unit = unit.saturating_mul(1024);
    }
    let steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024];
    let rounded = steps.into_iter().map(|step| unit.saturating_mul(step));
    rounded.clone().find(|size| *size >= bytes).unwrap_or(bytes)
}

fn line(
    html: &mut Html,
    class: &'static str,
    samples: &[Sample],
    scale: &Scale,
    of: fn(&Sample) -> u64,
) {
    html.markup("<polyline class=\"").markup(class).markup("\" points=\"");
    for sample in samples {
        let (x, y) = scale.place(sample, of(sample));
        html.text(format_args!("{x:.1},{y:.1} "));
    }
    html.markup("\"/>");
}

fn word(html: &mut Html, class: &'static str, x: f64, y: f64, text: &str) {
    html.markup("<text class=\"mark ").markup(class).markup("\" x=\"").text(x).markup("\" y=\"");
    html.text(y).markup("\">").text(text).markup("</text>");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (bytes, end) in [
            (0, 1 << 10),
            (1 << 10, 1 << 10),
            (1025, 2 << 10),
            (21 << 20, 50 << 20),
            (501 << 20, 1024 << 20),
            (1 << 30, 1 << 30),
        ] {
            assert_eq!(round_up(bytes), end);
        }
    }

    #[test]
    fn without_time_there_is_no_picture() {
        for samples in [&[][..], &[Sample::default()], &[Sample::default(); 2]] {
            let mut html = Html::default();
            draw(&mut html, "a", samples);
            assert_eq!(html.into_string(), "");
        }
    }

    proptest! {
        #[test]
        fn every_point_is_within_the_picture(
            steps in proptest::collection::vec((1_u64..100_000, any::<[u64; 3]>()), 2..100),
        ) {
            let mut at = Duration::ZERO;
            let sample = |(pause, [resident, swapped, allocated]): (u64, [u64; 3])| {
                at += Duration::from_millis(pause);
                Sample { at, resident, anonymous: resident / 2, swapped, allocated }
            };
            let samples: Vec<_> = steps.into_iter().map(sample).collect();
            let mut html = Html::default();
            draw(&mut html, "a", &samples);
            let svg = html.into_string();
            for points in svg.split("points=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                prop_assert_eq!(points.split_whitespace().count(), samples.len());
                for point in points.split_whitespace() {
                    let (x, y) = point.split_once(',').unwrap_or_default();
                    let (x, y): (f64, f64) = (x.parse().unwrap_or(-1.0), y.parse().unwrap_or(-1.0));
                    prop_assert!((0.0..=WIDTH).contains(&x), "{}", point);
                    prop_assert!((WORDS - 0.1..=WORDS + HEIGHT + 0.1).contains(&y), "{}", point);
                }
            }
        }
    }
}
