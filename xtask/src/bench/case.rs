//! The calls that are made in a closed loop: how many, and which.

/// A load: so many connections, with so many calls in flight on each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) kind: &'static Kind,
    pub(crate) connections: u64,
    pub(crate) streams: u64,
    pub(crate) calls: u64,
}

/// A method, what it is sent, and what it answers.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// Beyond those that each call has.
    pub(crate) headers: &'static [&'static str],
    /// The message without its prefix.
    request: fn() -> Vec<u8>,
    /// Replies of a call, and the bytes of each without its prefix.
    pub(crate) replies: u64,
    reply: usize,
}

/// The name of a greeting goes both ways.
pub(crate) const UNARY: Kind = Kind {
    name: "unary",
    path: "/helloworld.Greeter/SayHello",
    headers: &[],
    request: || field(b"world"),
    replies: 1,
    reply: 2 + "Hello world".len(),
};

/// The same of a caller who is told apart from others by this.
pub(crate) const OF_A_TENANT: Kind = Kind { headers: &["x-tenant: blue"], ..UNARY };

/// `{ count: 1000, size: 16 }`, answered by that many chunks of that size.
pub(crate) const STREAMING: Kind = Kind {
    name: "server-streaming",
    path: "/bench.Load/Stream",
    headers: &[],
    request: || vec![0x08, 0xe8, 0x07, 0x10, 0x10],
    replies: 1_000,
    reply: 2 + 16,
};

/// A chunk that comes back as it went.
pub(crate) const LARGE: Kind = Kind {
    name: "1 MiB both ways",
    path: "/bench.Load/Echo",
    headers: &[],
    request: || field(&vec![0; 1 << 20]),
    replies: 1,
    reply: 4 + (1 << 20),
};

/// A message whose only field, the first, holds these bytes.
fn field(bytes: &[u8]) -> Vec<u8> {
    let mut message = vec![0x0a];
    let mut length = bytes.len();
    while length >= 0x80 {
        message.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(bytes);
    message
}

impl Kind {
    /// The message as it is sent: uncompressed, after its length.
    pub(crate) fn request(&self) -> Vec<u8> {
        let message = (self.request)();
        let length = u32::try_from(message.len()).expect("no message is that long");
        [&[0][..], &length.to_be_bytes(), &message].concat()
    }

    /// The bytes of a call's DATA frames. A call that fails has fewer, while its HTTP status still is 200.
    pub(crate) fn reply_bytes(&self) -> u64 {
        self.replies * (5 + self.reply as u64)
    }
}

impl Case {
    pub(crate) const fn unary(connections: u64, streams: u64, calls: u64) -> Self {
        Self { kind: &UNARY, connections, streams, calls }
    }

    /// The name of its table: the kind, and connections x streams.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}x{}", self.kind.name, self.connections, self.streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_whole_message() {
        assert_eq!(UNARY.request(), *b"\0\0\0\0\x07\x0a\x05world");
        assert_eq!(STREAMING.request().len(), 5 + 5);
        let large = LARGE.request();
        assert_eq!(large[..9], [0, 0, 0x10, 0, 4, 0x0a, 0x80, 0x80, 0x40]);
        assert_eq!(large.len(), 5 + 4 + (1 << 20));
    }

    #[test]
    fn replies_have_their_prefixes() {
        assert_eq!(UNARY.reply_bytes(), 18);
        assert_eq!(STREAMING.reply_bytes(), 23_000);
        assert_eq!(LARGE.reply_bytes() as usize, LARGE.request().len());
    }
}
