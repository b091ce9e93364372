//! A profile as a flame graph: one SVG, with its script and style inside, which needs nothing else.
//!
//! The outermost functions are at the top. A click, or Enter, makes a function fill the width; a text in the field marks
//! the functions that have it in their names. The script runs where the policy of the response lets it
//! ([`Flame::policy`]), under a nonce, in a page that is nobody's (`sandbox`).

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

use super::profile::Profile;

const SCRIPT: &str = include_str!("flame/flame.js");
const STYLE: &str = include_str!("flame/flame.css");
/// Height of a function, and of the head, in pixels.
const ROW: usize = 18;
const HEAD: usize = 58;
/// Narrower than this part of all, nobody could see it.
const NARROWEST: f64 = 0.0005;

/// A flame graph.
pub(crate) struct Flame {
    pub(crate) svg: String,
    nonce: String,
}

/// A function, and those that it has called.
#[derive(Debug, Default)]
struct Node {
    value: u64,
    callees: BTreeMap<String, Node>,
}

impl Node {
    /// Adds a stack, outermost first.
    fn add(&mut self, stack: impl Iterator<Item = String>, value: u64) {
        self.value += value;
        let mut node = self;
        for name in stack {
            node = node.callees.entry(name).or_default();
            node.value += value;
        }
    }

    /// How many functions lie above one another, of those that can be seen.
    fn depth(&self, least: u64) -> usize {
        let seen = self.callees.values().filter(|node| node.value >= least);
        1 + seen.map(|node| node.depth(least)).max().unwrap_or(0)
    }
}

impl Flame {
    /// Draws the last quantity of a profile.
    pub(crate) fn of(title: &str, profile: &Profile) -> Self {
        let mut all = Node::default();
        for sample in &profile.samples {
            let mut names: Vec<_> = profile.names(&sample.stack).collect();
            names.extend(sample.labels.iter().rev().map(|(_, text)| text.clone()));
            all.add(names.into_iter().rev(), sample.values.last().copied().unwrap_or(0));
        }
        let nonce = format!("{:032x}", fastrand::u128(..));
        let mut drawing = Drawing { out: String::new(), nonce: &nonce, all: all.value.max(1) };
        drawing.draw(title, &profile.comments, &all);
        Self { svg: drawing.out, nonce }
    }

    /// What the response has to say so that the script may run, and nothing else.
    pub(crate) fn policy(&self) -> String {
        let nonce = &self.nonce;
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"
        )
    }
}

struct Drawing<'a> {
    out: String,
    nonce: &'a str,
    all: u64,
}

impl Drawing<'_> {
    fn put(&mut self, what: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{what}");
    }

    fn draw(&mut self, title: &str, comments: &[String], all: &Node) {
        let least = (self.all as f64 * NARROWEST).ceil() as u64;
        let height = HEAD + ROW * (all.depth(least) + 1);
        let nonce = self.nonce;
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%\" height=\"{height}\">\
             <style nonce=\"{nonce}\">{STYLE}</style>\
             <title>{title}</title><text class=\"head\" x=\"4\" y=\"18\">{title}</text>\
             <text class=\"note\" x=\"4\" y=\"36\">{notes}</text>\
             <foreignObject x=\"4\" y=\"40\" width=\"320\" height=\"{ROW}\">\
             <input xmlns=\"http://www.w3.org/1999/xhtml\" id=\"find\" type=\"search\" \
             placeholder=\"find functions\" aria-label=\"find functions\"/></foreignObject>\
             <text id=\"found\" class=\"note\" x=\"332\" y=\"53\"></text>",
            title = Escaped(title),
            notes = Escaped(&comments.join(" ")),
        ));
        self.node("all", all, 0, 0, least);
        self.put(format_args!("<script nonce=\"{nonce}\"><![CDATA[{SCRIPT}]]></script></svg>\n"));
    }

    fn node(&mut self, name: &str, node: &Node, begin: u64, depth: usize, least: u64) {
        let part = |value: u64| 100.0 * value as f64 / self.all as f64;
        let (x, width, y) = (part(begin), part(node.value), HEAD + depth * ROW);
        let (name, tone) = (Escaped(name), tone(name));
        self.put(format_args!(
            "<svg class=\"f t{tone}\" tabindex=\"0\" x=\"{x:.4}%\" y=\"{y}\" width=\"{width:.4}%\" height=\"{ROW}\" \
             data-x=\"{x:.4}\" data-w=\"{width:.4}\" data-d=\"{depth}\"><title>{name}: {width:.2} %</title>\
             <rect width=\"100%\" height=\"17\"/><text x=\"3\" y=\"13\">{name}</text></svg>"
        ));
        let mut begin = begin;
        for (name, callee) in &node.callees {
            if callee.value >= least {
                self.node(name, callee, begin, depth + 1, least);
            }
            begin += callee.value;
        }
    }
}

/// A colour that is always the same for a crate or a library.
fn tone(name: &str) -> u32 {
    let crate_name = name.trim_start_matches(['<', '&']).split("::").next().unwrap_or_default();
    crate_name.bytes().fold(7, |tone: u32, byte| tone.wrapping_mul(31) + u32::from(byte)) % 8
}

/// Text that opens no tag and ends no attribute. What XML does not have is left out.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => {
                    f.write_char(' ')?
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::debug::profile::{Function, Place, Quantity, Sample};

    fn profile(names: [&str; 2], label: &str) -> Profile {
        let cpu = Quantity { name: "cpu", unit: "nanoseconds" };
        let place = |name: &str| Place {
            functions: vec![Function { name: name.to_owned(), ..Function::default() }],
            module: None,
        };
        let sample = |stack: &[u64], value| Sample {
            stack: stack.to_vec(),
            values: vec![value],
            labels: vec![("thread", label.to_owned())],
        };
        Profile {
            quantities: &[],
            period: (cpu, 1),
            samples: vec![sample(&[1, 2], 30), sample(&[2], 10)],
            places: [(1, place(names[0])), (2, place(names[1]))].into(),
            modules: Vec::new(),
            started: SystemTime::UNIX_EPOCH,
            lasted: Duration::ZERO,
            comments: vec!["1 < 2".to_owned()],
        }
    }

    #[test]
    fn a_function_is_as_wide_as_what_was_spent_in_it_and_below_its_caller() {
        let svg = Flame::of("CPU", &profile(["inner", "outer"], "worker")).svg;
        for (name, depth, width) in
            [("all", 0, 100), ("worker", 1, 100), ("outer", 2, 100), ("inner", 3, 75)]
        {
            let wanted = format!("data-d=\"{depth}\"><title>{name}: {width}.00 %</title>");
            assert!(svg.contains(&wanted), "{wanted} {svg}");
        }
    }

    #[test]
    fn no_name_is_markup() {
        let hostile = "</text><script>alert('x')</script>]]>\"\u{1b}";
        let flame = Flame::of(hostile, &profile([hostile, hostile], hostile));
        assert_eq!(flame.svg.matches("<script").count(), 1);
        assert!(!flame.svg.contains(['\u{1b}']));
        assert!(!flame.svg.contains("</text><script>"));
        let nonce = format!("<script nonce=\"{}\">", flame.nonce);
        assert!(flame.svg.contains(&nonce) && flame.policy().contains(&flame.nonce));
    }
}
