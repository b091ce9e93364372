//! What a caller controls, made fit to be shown.

use std::fmt::{self, Write};

/// The longest text of a caller's that is shown, in bytes before escaping.
const MAX_LEN: usize = 256;

/// A caller's text: cut at 256 bytes, with everything escaped that is no visible ASCII character.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = start(self.0, MAX_LEN);
        for char in shown.chars() {
            match char {
                ' ' | '!'..='~' => f.write_char(char)?,
                char => write!(f, "{}", char.escape_default())?,
            }
        }
        if shown.len() < self.0.len() { f.write_str("...") } else { Ok(()) }
    }
}

/// The start of `text`, at most `bytes` long, with no character cut.
fn start(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_shown_as_it_is() {
        assert_eq!(
            Excerpt("/helloworld.Greeter/SayHello").to_string(),
            "/helloworld.Greeter/SayHello"
        );
    }

    #[test]
    fn what_is_not_visible_is_escaped() {
        assert_eq!(Excerpt("/a\x1b[31m\r\n\u{202e}").to_string(), "/a\\u{1b}[31m\\r\\n\\u{202e}");
    }

    proptest! {
        #[test]
        fn any_text_ends_short_and_visible(text in any::<String>()) {
            let shown = Excerpt(&text).to_string();
            prop_assert!(shown.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        }

        #[test]
        fn a_long_text_is_cut(text in ".{300,400}") {
            let shown = Excerpt(&text).to_string();
            prop_assert!(shown.ends_with("..."));
            prop_assert!(shown.len() <= MAX_LEN * 8 + 3);
        }
    }
}
