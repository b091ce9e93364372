//! [`Exposition`]: Prometheus' text format, written line by line into one text.

use std::fmt::{self, Write};

use super::MetricKind;

/// A page of Prometheus' text format 0.0.4, while it is written.
///
/// A page has thousands of lines. Each is copied together where it stands: nothing is allocated for a line.
///
/// ```
/// use rootcap_layers::metrics::{Exposition, MetricKind, Value};
///
/// let mut page = Exposition::default();
/// page.head("cups_total", MetricKind::Counter, "Cups that were filled.");
/// page.line("cups_total", &[r#"of="tea""#, r#"size="s""#], Value::Count(3));
/// let text = "# HELP cups_total Cups that were filled.\n# TYPE cups_total counter\n\
///     cups_total{of=\"tea\",size=\"s\"} 3\n";
/// assert_eq!(page.into_text(), text);
/// ```
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

/// The value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// What is counted.
    Count(u64),
    /// What goes up and down, in whole numbers.
    Level(i64),
    /// Any number.
    Number(f64),
}

/// The bounds of a histogram's buckets, as labels.
#[derive(Debug)]
pub struct Bounds(Vec<String>);

impl Bounds {
    /// Those of these upper bounds, ascending, and the infinite one.
    pub fn new(bounds: &[f64]) -> Self {
        let infinite = r#"le="+Inf""#.to_owned();
        Self(bounds.iter().map(|bound| format!("le=\"{bound}\"")).chain([infinite]).collect())
    }
}

impl Exposition {
    /// An empty page with room for so many bytes; more is made as it is needed.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    /// What comes before all series of a metric. `help` is one line: see [`escaped_help`](Self::escaped_help).
    pub fn head(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = kind.as_str();
        self.push(&["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
    }

    /// What [`head`](Self::head) takes as the help of a metric.
    pub fn escaped_help(help: &str) -> String {
        help.replace('\\', "\\\\").replace('\n', "\\n")
    }

    /// One series. Each of `labels` is `name="value"`, or several of those with commas between, or empty; values are
    /// [`Escaped`].
    pub fn line(&mut self, name: &str, labels: &[&str], value: Value) {
        self.series([name, ""], labels, value);
    }

    /// The lines of a histogram; of `counts`, which are not cumulative, there are as many as of `bounds`.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: &str,
        bounds: &Bounds,
        counts: impl IntoIterator<Item = u64>,
        sum: f64,
    ) {
        let mut count = 0;
        for (bound, more) in bounds.0.iter().zip(counts) {
            count += more;
            self.series([name, "_bucket"], &[labels, bound], Value::Count(count));
        }
        self.series([name, "_sum"], &[labels], Value::Number(sum));
        self.series([name, "_count"], &[labels], Value::Count(count));
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.text
    }

    fn series(&mut self, [name, suffix]: [&str; 2], labels: &[&str], value: Value) {
        self.push(&[name, suffix]);
        let mut opening = "{";
        for labels in labels.iter().filter(|labels| !labels.is_empty()) {
            self.push(&[opening, labels]);
            opening = ",";
        }
        self.text.push_str(if opening == "{" { " " } else { "} " });
        self.value(value);
        self.text.push('\n');
    }

    fn value(&mut self, value: Value) {
        match value {
            Value::Count(count) => self.text.push_str(itoa::Buffer::new().format(count)),
            Value::Level(level) => self.text.push_str(itoa::Buffer::new().format(level)),
            // Only as the standard library writes them: others have `1.0` and `1e16`.
            Value::Number(number) => {
                write!(self.text, "{number}").expect("writing to a string does not fail");
            }
        }
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.text.push_str(part));
    }
}

/// A label's value, as Prometheus' text format has it: backslash, quote and line feed are escaped.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = 0;
        for (at, found) in self.0.match_indices(['\\', '"', '\n']) {
            f.write_str(&self.0[plain..at])?;
            f.write_str(match found {
                "\n" => "\\n",
                "\"" => "\\\"",
                _ => "\\\\",
            })?;
            plain = at + found.len();
        }
        f.write_str(&self.0[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), r#"a\"b\\c\nd"#);
        assert_eq!(Escaped("é\n").to_string(), r"é\n");
        assert_eq!(Escaped("").to_string(), "");
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let mut page = Exposition::default();
        for value in [f64::INFINITY, -0.0, 1e16, 0.1 + 0.2] {
            page.line("a", &["", ""], Value::Number(value));
        }
        page.line("b", &["", "c=\"d\""], Value::Level(i64::MIN));
        page.line("b", &["c=\"d\"", ""], Value::Count(u64::MAX));
        let lines = "a inf\na -0\na 10000000000000000\na 0.30000000000000004\n\
            b{c=\"d\"} -9223372036854775808\nb{c=\"d\"} 18446744073709551615\n";
        assert_eq!(page.into_text(), lines);
    }
}
