//! Percent-encoding, as gRPC encodes `grpc-message` (gRPC over HTTP/2, "Percent-Encoded"): decoding it, and cutting it.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS};

use crate::excerpt::is_visible;

/// Decodes; what is not valid is kept as it is, what is not UTF-8 is replaced.
pub(crate) fn decode(encoded: &[u8]) -> Cow<'_, str> {
    // As nearly all are: then it is what is meant. (To look for what is encoded takes ten times as long.)
    if let Ok(plain) = str::from_utf8(encoded)
        && !plain.contains('%')
    {
        return plain.into();
    }
    percent_encoding::percent_decode(encoded).decode_utf8_lossy()
}

/// All that is not ASCII is, besides.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// Encodes what is not visible, and the percent sign, and nothing else.
pub(crate) fn encode(text: String) -> String {
    if is_visible(&text) && !text.contains('%') {
        return text;
    }
    percent_encoding::utf8_percent_encode(&text, ENCODED).to_string()
}

/// The beginning of what is encoded: at most `max` bytes, with no character cut in two, and none of its bytes.
pub(crate) fn cut(encoded: &[u8], max: usize) -> &[u8] {
    if encoded.len() <= max {
        return encoded;
    }
    let (mut at, mut end) = (0, 0);
    while at <= max {
        let (byte, len) = match (encoded[at], hex_pair(&encoded[at + 1..])) {
            (b'%', Some(byte)) => (byte, 3),
            (byte, _) => (byte, 1),
        };
        // In UTF-8 a byte of this form goes on with the character before it.
        if byte & 0b1100_0000 != 0b1000_0000 {
            end = at;
        }
        at += len;
        if at >= encoded.len() {
            break;
        }
    }
    &encoded[..end]
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let high = char::from(*bytes.first()?).to_digit(16)?;
    let low = char::from(*bytes.get(1)?).to_digit(16)?;
    Some((high << 4 | low) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_valid_stays() {
        assert_eq!(decode(b"100%"), "100%");
        assert_eq!(decode(b"%zz%4"), "%zz%4");
        assert_eq!(decode(b"%e2%82%ac %41"), "\u{20ac} A");
        assert_eq!(decode(b"%ff"), "\u{fffd}");
    }

    #[test]
    fn a_cut_is_between_characters() {
        assert_eq!(cut(b"abc", 3), b"abc");
        assert_eq!(cut(b"abcd", 3), b"abc");
        assert_eq!(cut(b"ab%41", 3), b"ab");
        assert_eq!(cut(b"a%41b", 4), b"a%41");
        assert_eq!(cut(b"a%E2%82%ACb", 9), b"a");
        assert_eq!(cut(b"a%E2%82%ACb", 10), b"a%E2%82%AC");
        assert_eq!(cut(b"%%%%", 2), b"%%");
        assert_eq!(cut(b"%80%80%80", 4), b"");
    }

    proptest! {
        #[test]
        fn what_is_cut_is_the_beginning(text in ".{0,100}", max in 0usize..300) {
            let encode = |byte: u8| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            };
            let encoded: String = text.bytes().map(encode).collect();
            let cut = cut(encoded.as_bytes(), max);
            prop_assert!(cut.len() <= max);
            // No character takes more than four bytes, each of them three.
            prop_assert!(cut.len() == encoded.len() || cut.len() + 12 > max);
            prop_assert!(text.starts_with(&*decode(cut)));
        }

        #[test]
        fn any_bytes_can_be_cut(bytes in proptest::collection::vec(any::<u8>(), 0..100), max in 0usize..120) {
            prop_assert!(cut(&bytes, max).len() <= max);
        }

        #[test]
        fn any_text_survives_encoding(text in ".{0,100}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(encoded.as_bytes()), text);
        }

        #[test]
        fn any_bytes_decode(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(decode(&bytes).len() <= 3 * bytes.len());
        }
    }
}
