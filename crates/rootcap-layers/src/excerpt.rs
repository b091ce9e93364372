//! What a caller controls, made fit to be shown: cut, and without a character that does something.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

/// The longest text of a caller's that is shown, in bytes before escaping.
pub const MAX_LEN: usize = 256;

/// A caller's text: cut at [`MAX_LEN`] bytes, with everything escaped that is no visible ASCII character.
///
/// ```
/// use rootcap_layers::excerpt::Excerpt;
///
/// assert_eq!(Excerpt("/a.B/C\x1b[31m").to_string(), r"/a.B/C\u{1b}[31m");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Excerpt<'a>(pub &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = cut(self.0, MAX_LEN);
        if is_visible(shown) {
            f.write_str(shown)?;
        } else {
            shown.chars().try_for_each(|char| write_visible(f, char))?;
        }
        if shown.len() < self.0.len() { f.write_str("...") } else { Ok(()) }
    }
}

/// Whether all of it is visible ASCII. It looks at all bytes, which it can do many at a time, and not for the first one.
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().fold(true, |visible, byte| visible & matches!(byte, b' '..=b'~'))
}

fn write_visible(f: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    match char {
        ' '..='~' => f.write_char(char),
        char => write!(f, "{}", char.escape_default()),
    }
}

/// The beginning of `text`: at most `max` bytes, with no character cut in two.
///
/// ```
/// assert_eq!(rootcap_layers::excerpt::cut("gr\u{fc}n", 3), "gr");
/// ```
pub fn cut(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}

/// Whether a character has no picture of its own but an effect on what surrounds it: it drives a terminal,
/// ends a line, turns the direction of the text around, or is not seen.
pub fn has_effect(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            // Soft hyphen, Arabic letter mark.
            '\u{ad}' | '\u{61c}'
            // Without width; marks of direction; separators; embeddings and overrides.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Byte order mark, annotations, tags.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` with the characters escaped that [have an effect](has_effect), and all others as they are.
///
/// ```
/// use rootcap_layers::excerpt::without_effects;
///
/// assert_eq!(without_effects("gr\u{fc}n\r\n"), "gr\u{fc}n\\r\\n");
/// ```
pub fn without_effects(text: &str) -> Cow<'_, str> {
    if !text.contains(has_effect) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(2 * text.len());
    for char in text.chars() {
        match has_effect(char) {
            true => escaped.extend(char.escape_default()),
            false => escaped.push(char),
        }
    }
    Cow::Owned(escaped)
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

    #[test]
    fn what_has_an_effect_is_escaped() {
        assert_eq!(
            without_effects("a\x1b[31m\u{feff}\u{9b}\u{2028}"),
            r"a\u{1b}[31m\u{feff}\u{9b}\u{2028}"
        );
        assert!(matches!(without_effects("gr\u{fc}n \"<b>\""), Cow::Borrowed(_)));
    }

    #[test]
    fn a_cut_is_between_characters() {
        assert_eq!(cut("ab\u{20ac}", 4), "ab");
        assert_eq!(cut("ab\u{20ac}", 5), "ab\u{20ac}");
        assert_eq!(cut("\u{20ac}", 2), "");
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

        #[test]
        fn nothing_that_has_an_effect_is_left(text in any::<String>()) {
            prop_assert!(!without_effects(&text).contains(has_effect));
        }
    }
}
