//! A picture of horizontal bars, in groups that each have their own scale. It has a background of its own, so that it
//! can be read on a dark page, too.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::bench::Result;
use crate::bench::report::number;
use crate::bench::statistics::Summary;

pub(super) struct Group {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
}

pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: Summary,
    pub(super) is_ours: bool,
}

const WIDTH: i32 = 860;
const MARGIN: i32 = 20;
const ROW: i32 = 26;
/// Where bars begin, and where the longest ends: values follow.
const LEFT: i32 = 300;
const RIGHT: i32 = WIDTH - 100;

const OURS: RGBColor = RGBColor(0x2f, 0x85, 0x5a);
const OTHERS: RGBColor = RGBColor(0x9a, 0xa5, 0xb4);
const INK: RGBColor = RGBColor(0x22, 0x27, 0x2e);
const FONT: &str = "sans-serif";

type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws the bars at the medians, with a line along the spread.
pub(super) fn draw(path: &Path, title: &str, groups: &[Group]) -> Result<()> {
    let rows: usize = groups.iter().map(|group| group.bars.len() + 1).sum();
    let height = 3 * MARGIN + ROW * (rows as i32 + 1) + (groups.len() as i32 - 1) * MARGIN / 2;
    let canvas = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    canvas.fill(&WHITE)?;
    text(&canvas, title, (MARGIN, MARGIN + ROW / 2), 18, HPos::Left)?;
    let mut top = 2 * MARGIN + ROW;
    for group in groups {
        text(&canvas, &group.title, (MARGIN, top + ROW / 2), 15, HPos::Left)?;
        top += ROW;
        let longest = group.bars.iter().map(|bar| bar.value.high).fold(0.0, f64::max);
        for bar in &group.bars {
            draw_bar(&canvas, bar, top, longest)?;
            top += ROW;
        }
        top += MARGIN / 2;
    }
    Ok(canvas.present()?)
}

fn draw_bar(canvas: &Canvas<'_>, bar: &Bar, top: i32, longest: f64) -> Result<()> {
    let at = |value: f64| match longest {
        0.0 => LEFT,
        longest => LEFT + (f64::from(RIGHT - LEFT) * value.max(0.0) / longest).round() as i32,
    };
    let Summary { median, low, high } = bar.value;
    let middle = top + ROW / 2;
    let color = if bar.is_ours { OURS } else { OTHERS };
    text(canvas, &bar.label, (LEFT - 8, middle), 14, HPos::Right)?;
    canvas.draw(&Rectangle::new([(LEFT, top + 4), (at(median), top + ROW - 4)], color.filled()))?;
    canvas.draw(&PathElement::new([(at(low), middle), (at(high), middle)], INK))?;
    text(canvas, &number(median), (at(high) + 8, middle), 14, HPos::Left)
}

fn text(canvas: &Canvas<'_>, text: &str, at: (i32, i32), size: i32, side: HPos) -> Result<()> {
    let style = (FONT, size).into_text_style(canvas).pos(Pos::new(side, VPos::Center)).color(&INK);
    Ok(canvas.draw(&Text::new(text, at, style))?)
}
