//! What makes any string safe inside a line: no control character, no escape sequence, no second line.

use crate::excerpt::has_effect;

/// Which ASCII characters stand for themselves.
type Plain = [bool; 256];

/// Inside of a JSON string.
pub(super) static QUOTED: Plain = plain(b"\"\\");
/// In the middle of a line of text.
pub(super) static MESSAGE: Plain = plain(b"\\");
/// A value in a line of text that needs no quotes.
pub(super) static BARE: Plain = plain(b" \"\\=");

const fn plain(without: &[u8]) -> Plain {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = true;
        byte += 1;
    }
    let mut at = 0;
    while at < without.len() {
        plain[without[at] as usize] = false;
        at += 1;
    }
    plain
}

/// How many bytes at the beginning of `bytes` stand for themselves.
pub(super) fn plain_prefix(bytes: &[u8], plain: &Plain) -> usize {
    // Eight at a time, without a branch for each.
    let (eights, _) = bytes.as_chunks::<8>();
    let all =
        |eight: &[u8; 8]| eight.iter().fold(true, |all, &byte| all & plain[usize::from(byte)]);
    let whole = 8 * eights.iter().take_while(|eight| all(eight)).count();
    let rest = bytes[whole..].iter().take_while(|&&byte| plain[usize::from(byte)]);
    whole + rest.count()
}

/// Appends `bytes`, escaped by the rules of JSON; what is not UTF-8 is replaced.
///
/// Beyond what JSON asks for, all that changes how a terminal or a viewer shows the line is escaped:
/// C1 control characters, line and paragraph separators, and characters without width or with a direction.
pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8], plain: &Plain) {
    let (copied, rest) = bytes.split_at(plain_prefix(bytes, plain));
    out.extend_from_slice(copied);
    if !rest.is_empty() {
        push_chars(out, rest, plain);
    }
}

#[cold]
fn push_chars(out: &mut Vec<u8>, bytes: &[u8], plain: &Plain) {
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                char if char.is_ascii() && plain[char as usize] => out.push(char as u8),
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                char if has_effect(char) => push_unicode_escape(out, char),
                char => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn push_unicode_escape(out: &mut Vec<u8>, char: char) {
    for unit in char.encode_utf16(&mut [0; 2]) {
        let mut escape = *b"\\u0000";
        crate::hex::write(&unit.to_be_bytes(), &mut escape[2..]);
        out.extend_from_slice(&escape);
    }
}

/// The first `max` bytes of `bytes`, or up to three less, so that no character is cut in two.
pub(super) fn cut(bytes: &[u8], max: usize) -> &[u8] {
    let is_continuation = |at: usize| bytes[at] & 0b1100_0000 == 0b1000_0000;
    if bytes.len() <= max {
        return bytes;
    }
    // What has more than three continuation bytes in a row is no UTF-8, and may be cut anywhere.
    let start = (max.saturating_sub(3)..=max).rev().find(|&at| !is_continuation(at));
    &bytes[..start.unwrap_or(max)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = vec![b'"'];
        push(&mut out, bytes, &QUOTED);
        out.push(b'"');
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn characters_with_an_effect_are_escaped() {
        assert_eq!(quoted(b"\x1b[31m\x07\x7f"), r#""\u001b[31m\u0007\u007f""#);
        assert_eq!(quoted("\u{9b}31m\u{85}".as_bytes()), r#""\u009b31m\u0085""#);
        assert_eq!(quoted("a\r\nb\tc\u{2028}\u{202e}".as_bytes()), r#""a\r\nb\tc\u2028\u202e""#);
        assert_eq!(quoted("\u{e0041}".as_bytes()), r#""\udb40\udc41""#);
        assert_eq!(quoted(br#"say "hi" \o/"#), r#""say \"hi\" \\o/""#);
        assert_eq!(quoted("gr\u{fc}\u{df}e \u{1f600}".as_bytes()), "\"gr\u{fc}\u{df}e \u{1f600}\"");
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(quoted(b"a\xffb\xe2\x82"), "\"a\u{fffd}b\u{fffd}\"");
    }

    #[test]
    fn a_cut_keeps_characters_whole() {
        assert_eq!(cut("ab\u{20ac}".as_bytes(), 4), b"ab");
        assert_eq!(cut("ab\u{20ac}".as_bytes(), 5), "ab\u{20ac}".as_bytes());
        assert_eq!(cut("\u{1f600}\u{1f600}".as_bytes(), 7), "\u{1f600}".as_bytes());
        assert_eq!(cut(&[0x80; 300], 256).len(), 256);
        assert_eq!(cut(b"abc", 0), b"");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_json_string_of_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let quoted = quoted(&bytes);
            prop_assert!(!quoted.chars().any(has_effect));
            let parsed: String = serde_json::from_str(&quoted).unwrap();
            prop_assert_eq!(parsed, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn any_text_survives(text in any::<String>()) {
            let quoted = quoted(text.as_bytes());
            prop_assert!(!quoted.chars().any(has_effect));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }

        #[test]
        fn text_is_cut_at_a_character(text in any::<String>(), max in 0usize..40) {
            let kept = std::str::from_utf8(cut(text.as_bytes(), max)).unwrap();
            prop_assert!(text.starts_with(kept));
            prop_assert!(kept.len() == text.len() || (kept.len() <= max && kept.len() + 4 > max));
        }
    }
}
