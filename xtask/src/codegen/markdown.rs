//! Tables of Markdown, and the places in a document where generated text stands.

/// A table under construction.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new<const N: usize>(columns: [&str; N]) -> Self {
        let mut table = Self(String::new());
        table.row(columns.map(str::to_owned));
        table.0.push_str(&"|---".repeat(N));
        table.0.push_str("|\n");
        table
    }

    /// Adds a row of cells, which are Markdown.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.push_str(&format!("| {} |\n", cells.join(" | ")));
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A text that is Markdown already, within a cell.
pub(super) fn cell(markdown: &str) -> String {
    markdown.replace('|', "\\|")
}

/// A text as code, within a cell.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// A text up to the end of its first sentence.
pub(super) fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

/// A document with `content` between the comments `<!-- name -->` and `<!-- /name -->`.
///
/// # Errors
/// When the two comments are not there, or not once and in this order.
pub(super) fn replace(document: &str, name: &str, content: &str) -> Result<String, String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let pieces = |mark: &str| document.match_indices(mark).count();
    match (document.find(&begin), document.find(&end)) {
        (Some(from), Some(to)) if from < to && pieces(&begin) == 1 && pieces(&end) == 1 => {
            let (before, after) = (&document[..from + begin.len()], &document[to..]);
            Ok(format!("{before}\n\n{content}\n{after}"))
        }
        _ => Err(format!("there must be one `{begin}`, and after it one `{end}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_comments_is_replaced() {
        let document = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        let replaced = "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n";
        assert_eq!(replace(document, "x", "new\n").as_deref(), Ok(replaced));
        assert_eq!(replace(replaced, "x", "new\n").as_deref(), Ok(replaced));
        for wrong in ["", "<!-- x -->", "<!-- /x --><!-- x -->", "<!-- x --><!-- x --><!-- /x -->"]
        {
            assert!(replace(wrong, "x", "new").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sentence_ends_with_its_full_stop() {
        assert_eq!(first_sentence("The rate of 1.5, or so. More."), "The rate of 1.5, or so.");
        assert_eq!(first_sentence("Only one."), "Only one.");
    }
}
