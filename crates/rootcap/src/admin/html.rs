//! HTML that cannot be broken by what it shows: only a literal is markup, all else is escaped.

use std::fmt::{self, Display, Write};

/// A page under construction.
///
/// Markup can only be a literal of this crate ([`markup`](Html::markup)); whatever the program
/// computed goes through [`text`](Html::text), which escapes it. There is no third way in.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds markup from a literal.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, or the quoted value of an attribute, escaped.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // Writing to a String cannot fail; a Display that fails leaves its text cut short.
        let _ = write!(Escape(&mut self.0), "{text}");
        self
    }

    /// A field of a form for a line of text.
    pub(super) fn field(&mut self, label: &str, name: &str, value: &str) {
        self.markup("<label>").text(label).markup(" <input name=\"").text(name);
        self.markup("\" value=\"").text(value).markup("\"></label>");
    }

    /// A field of a form for one of some values.
    pub(super) fn select<'a>(
        &mut self,
        label: &str,
        name: &str,
        values: impl IntoIterator<Item = &'a str>,
        selected: &str,
    ) {
        self.markup("<label>").text(label).markup(" <select name=\"").text(name).markup("\">");
        for value in values {
            self.markup(if value == selected { "<option selected>" } else { "<option>" });
            self.text(value).markup("</option>");
        }
        self.markup("</select></label>");
    }

    /// The finished page.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// A writer that escapes what passes through it.
struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        // Piece by piece: a large page is mostly text without any of these.
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            self.0.push_str(&rest[..at]);
            self.0.push_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            });
            rest = &rest[at + 1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_escaped_and_markup_is_not() {
        let mut html = Html::default();
        html.markup("<b>").text("<i>&\"'").markup("</b>");
        assert_eq!(html.into_string(), "<b>&lt;i&gt;&amp;&quot;&#39;</b>");
    }

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_ends_an_attribute(text in any::<String>()) {
            let mut html = Html::default();
            html.text(&text);
            let escaped = html.into_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let back = escaped
                .replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                .replace("&#39;", "'").replace("&amp;", "&");
            prop_assert_eq!(back, text);
        }
    }
}
