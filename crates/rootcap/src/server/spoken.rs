//! What a peer speaks, by its first bytes, and the last word to one that speaks another protocol.

use crate::tls;

/// How a connection of HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a port without TLS is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Http2,
    Http1,
    Tls,
    Other,
}

impl Spoken {
    /// By what was read first.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            _ if bytes.starts_with(PREFACE) || PREFACE.starts_with(bytes) => Spoken::Http2,
            _ if tls::is_tls(bytes) => Spoken::Tls,
            _ if tls::is_http(bytes) && !bytes.starts_with(b"PRI ") => Spoken::Http1,
            _ => Spoken::Other,
        }
    }
}

/// The answer to a person who has taken this port for the one with the pages, or to a client of another protocol.
pub(super) const HTTP1: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 146\r\n\
    connection: close\r\n\
    \r\n\
    This port speaks gRPC: HTTP/2 with prior knowledge, no HTTP/1.\n\
    The pages for people are on the admin port (setting `admin.listen`, usually 8080).\n";

/// A fatal alert of TLS: `protocol_version`, as what is spoken here is no version of it (RFC 8446, 6).
pub(super) const TLS_ALERT: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_protocol_is_known_by_its_first_bytes() {
        for (bytes, spoken) in [
            (&b"P"[..], Spoken::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04", Spoken::Http2),
            (b"GET / HTTP/1.1\r\n", Spoken::Http1),
            (b"POST /", Spoken::Http1),
            (b"PUT /", Spoken::Http1),
            (b"PRI * HTTP/1.1", Spoken::Other),
            (b"\x16\x03\x01\x02\0\x01", Spoken::Tls),
            (b"SSH-2.0-OpenSSH", Spoken::Other),
            (&[0; 8], Spoken::Other),
        ] {
            assert_eq!(Spoken::of(bytes), spoken, "{bytes:?}");
        }
    }

    #[test]
    fn the_answer_of_http1_has_the_length_that_it_says() {
        let text = std::str::from_utf8(HTTP1).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }

    proptest! {
        #[test]
        fn any_part_of_a_preface_is_of_http2(end in 0..=PREFACE.len(), rest: Vec<u8>) {
            prop_assert_eq!(Spoken::of(&PREFACE[..end]), Spoken::Http2);
            prop_assert_eq!(Spoken::of(&[PREFACE, &rest].concat()), Spoken::Http2);
        }

        #[test]
        fn nothing_else_is(bytes in proptest::collection::vec(any::<u8>(), 1..64)) {
            let spoken = Spoken::of(&bytes);
            prop_assert_eq!(spoken == Spoken::Http2, bytes.iter().zip(PREFACE).all(|(a, b)| a == b));
        }
    }
}
