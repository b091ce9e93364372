//! As much of HTTP/2 as a unary call takes: the frames that a client sends, and those that it gets, one by one.

/// What a connection begins with: the preface, empty SETTINGS, and room for 2 GiB of replies.
pub(crate) const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \x00\x00\x00\x04\x00\x00\x00\x00\x00\
    \x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\x00\x00\x00";

/// A `HelloRequest` that greets `world`, as gRPC frames it.
const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x07\x0a\x05world";
/// The bytes of its reply's DATA: a prefix of 5, and a field of 2 + 11.
pub(crate) const REPLY: usize = 5 + 2 + "Hello world".len();

/// What a connection asks for, again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    path: &'static str,
    /// Without one, the request has no end, and the call goes on.
    message: &'static [u8],
    /// The bytes of a reply's DATA.
    pub(crate) reply: usize,
}

/// A greeting.
pub(crate) const HELLO_WORLD: Ask =
    Ask { path: "/helloworld.Greeter/SayHello", message: MESSAGE, reply: REPLY };
/// The health of the server as a whole, which serves.
pub(crate) const HEALTH: Ask =
    Ask { path: "/grpc.health.v1.Health/Check", message: &[0; 5], reply: 5 + 2 };

/// What goes on until the connection ends: a call whose message does not come.
pub(crate) const UNFINISHED: Ask = Ask { path: "/bench.Load/Echo", message: &[], reply: 0 };

/// Fields of a request that are in HPACK's static table: `:method: POST`, `:scheme: http`.
const STATIC_FIELDS: [u8; 2] = [0x83, 0x86];
/// The key of a caller, in metadata.
const KEY: &str = "x-tenant";
/// The others but for the path, as what a first request adds to the dynamic table: the byte that says so, with the index of the name or
/// 0 for a new one; name, and value.
const FIELDS: [(u8, &str, &str); 3] =
    [(0x41, "", "localhost"), (0x5f, "", "application/grpc"), (0x40, "te", "trailers")];
/// Where they are found by each later one, the youngest first.
const KNOWN_FIELDS: [u8; 4] = [0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
/// Of DATA and HEADERS.
pub(crate) const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const HEAD: usize = 9;

/// Appends a frame.
pub(crate) fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("no frame of ours is that long");
    out.extend(&length.to_be_bytes()[1..]);
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
}

/// Appends a whole request. As with any real client, only the first of a connection spells its header out; the key of
/// who calls, if there is one, is never the same.
pub(crate) fn request(out: &mut Vec<u8>, ask: Ask, stream: u32, first: bool, key: Option<&str>) {
    let mut fields = STATIC_FIELDS.to_vec();
    if first {
        field(&mut fields, 0x44, "", ask.path);
        FIELDS.iter().for_each(|(kind, name, value)| field(&mut fields, *kind, name, value));
    } else {
        fields.extend(KNOWN_FIELDS);
    }
    if let Some(key) = key {
        field(&mut fields, 0, KEY, key);
    }
    frame(out, HEADERS, END_HEADERS, stream, &fields);
    if !ask.message.is_empty() {
        frame(out, DATA, END_STREAM, stream, ask.message);
    }
}

fn field(fields: &mut Vec<u8>, kind: u8, name: &str, value: &str) {
    fields.push(kind);
    [name, value].iter().filter(|text| !text.is_empty()).for_each(|text| {
        fields.push(u8::try_from(text.len()).expect("no text of ours is that long"));
        fields.extend(text.as_bytes());
    });
}

/// A frame that came in.
#[derive(Debug, PartialEq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: &'a [u8],
}

/// Takes the first frame off some bytes, if all of it is there.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<Frame<'a>> {
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3, rest @ ..] = *bytes else {
        return None;
    };
    let length = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
    let payload = rest.get(..length)?;
    *bytes = &bytes[HEAD + length..];
    let stream = u32::from_be_bytes([s0 & 0x7f, *s1, *s2, *s3]);
    Some(Frame { kind: *kind, flags: *flags, stream, payload })
}

/// Reads the setting of that name, if SETTINGS have it: each is two bytes, and four of its value.
pub(crate) fn max_concurrent_streams(settings: &[u8]) -> Option<u64> {
    settings.chunks_exact(6).find_map(|setting| match *setting {
        [0, 3, v0, v1, v2, v3] => Some(u32::from_be_bytes([v0, v1, v2, v3]).into()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_number() {
        let settings = [0, 4, 0, 0, 0, 3, 0, 3, 0, 0, 1, 0];
        assert_eq!(max_concurrent_streams(&settings), Some(256));
        assert_eq!(max_concurrent_streams(&settings[..6]), None);
    }

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        let mut sent = Vec::new();
        frame(&mut sent, DATA, END_STREAM, 3, b"abc");
        frame(&mut sent, PING, 0, 0, &[7; 8]);
        for cut in 0..sent.len() {
            let mut bytes = &sent[..cut];
            let whole = usize::from(cut >= HEAD + 3);
            assert_eq!(std::iter::from_fn(|| take(&mut bytes)).count(), whole, "{cut}");
        }
        let mut bytes = &sent[..];
        let expected = Frame { kind: DATA, flags: END_STREAM, stream: 3, payload: b"abc" };
        assert_eq!(take(&mut bytes), Some(expected));
        assert_eq!(take(&mut bytes).map(|frame| frame.kind), Some(PING));
        assert!(bytes.is_empty());
    }

    #[test]
    fn only_the_first_request_spells_its_header_out() {
        let [mut first, mut next] = [Vec::new(), Vec::new()];
        request(&mut first, HELLO_WORLD, 1, true, None);
        request(&mut next, HELLO_WORLD, 3, false, None);
        assert!(first.windows(8).any(|bytes| bytes == b"SayHello"));
        assert_eq!(next.len(), HEAD + 6 + HEAD + MESSAGE.len());
        let mut bytes = &next[..];
        let head = take(&mut bytes).expect("it is whole");
        assert_eq!((head.kind, head.flags, head.stream), (HEADERS, END_HEADERS, 3));
        let data = take(&mut bytes).expect("it is whole");
        assert_eq!((data.kind, data.flags, data.payload), (DATA, END_STREAM, MESSAGE));
    }

    #[test]
    fn a_call_without_a_message_has_no_end() {
        let mut sent = Vec::new();
        request(&mut sent, UNFINISHED, 1, true, None);
        let mut bytes = &sent[..];
        let head = take(&mut bytes).expect("it is whole");
        assert_eq!((head.kind, head.flags), (HEADERS, END_HEADERS));
        assert!(bytes.is_empty());
    }
}
