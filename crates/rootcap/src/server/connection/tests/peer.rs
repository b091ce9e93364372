//! The other end of a connection: a caller that writes and reads frames, and answers nothing by itself.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    time::timeout,
};

/// What a frame is (RFC 9113, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Kind {
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    GoAway = 7,
    WindowUpdate = 8,
    Continuation = 9,
}

impl Kind {
    fn of(number: u8) -> Self {
        match number {
            0 => Kind::Data,
            1 => Kind::Headers,
            3 => Kind::Reset,
            4 => Kind::Settings,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            other => panic!("frame of type {other}"),
        }
    }
}

pub(in crate::server) const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

#[derive(Debug)]
pub(in crate::server) struct Frame {
    pub(in crate::server) kind: Kind,
    pub(in crate::server) flags: u8,
    pub(in crate::server) stream: u32,
    pub(in crate::server) payload: Vec<u8>,
}

impl Frame {
    pub(in crate::server) fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & END_STREAM != 0
    }

    /// The error code of a RST_STREAM.
    pub(in crate::server) fn reset_code(&self) -> u32 {
        number(&self.payload)
    }

    /// The last stream and the error code of a GOAWAY.
    pub(in crate::server) fn go_away(&self) -> (u32, u32) {
        (number(&self.payload), number(&self.payload[4..]))
    }

    /// The value of a setting.
    pub(in crate::server) fn setting(&self, id: u16) -> Option<u32> {
        let mut settings = self.payload.chunks(6);
        let found = settings.find(|setting| setting[..2] == id.to_be_bytes())?;
        Some(number(&found[2..]))
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// The other end of a connection.
pub(in crate::server) struct Peer<IO = DuplexStream>(pub(in crate::server) IO);

/// Longer than any test: a frame that does not come fails the test.
const FOR_EVER: Duration = Duration::from_secs(86_400);

impl<IO: AsyncRead + AsyncWrite + Unpin> Peer<IO> {
    /// Writes `bytes`; that the server has hung up meanwhile is seen by who reads.
    pub(in crate::server) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    pub(in crate::server) async fn frame(
        &mut self,
        kind: Kind,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind as u8, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.write(&frame).await;
    }

    /// The whole preface, with these settings, and the server's settings, which it acknowledges.
    pub(in crate::server) async fn greet(&mut self, settings: &[(u16, u32)]) -> Frame {
        self.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.frame(Kind::Settings, 0, 0, &payload).await;
        let theirs = self.next_of(Kind::Settings).await;
        self.frame(Kind::Settings, ACK, 0, &[]).await;
        theirs
    }

    /// Begins a call without a message.
    pub(in crate::server) async fn call(&mut self, stream: u32, path: &str) {
        self.request(stream, b"\x83", path, &[]).await;
    }

    /// Begins a call with a deadline.
    pub(in crate::server) async fn call_with_timeout(
        &mut self,
        stream: u32,
        path: &str,
        timeout: &str,
    ) {
        self.request(stream, b"\x83", path, &[("grpc-timeout", timeout)]).await;
    }

    /// CONNECT, which has neither scheme nor path.
    pub(in crate::server) async fn connect(&mut self, stream: u32) {
        let mut block = Vec::new();
        literal(&mut block, &[0x02], "CONNECT");
        literal(&mut block, &[0x01], "test:1");
        self.frame(Kind::Headers, END_HEADERS, stream, &block).await;
    }

    /// The head of a request, without compression: `:method` as given, `:scheme http`, `:path`, `:authority`.
    pub(in crate::server) async fn request(
        &mut self,
        stream: u32,
        method: &[u8],
        path: &str,
        metadata: &[(&str, &str)],
    ) {
        let mut block = method.to_vec();
        block.push(0x86);
        literal(&mut block, &[0x04], path);
        literal(&mut block, &[0x01], "test");
        for (name, value) in metadata {
            let mut key = vec![0x00];
            string(&mut key, name);
            literal(&mut block, &key, value);
        }
        self.frame(Kind::Headers, END_HEADERS | END_STREAM, stream, &block).await;
    }

    /// The next frame; `None` when the server has hung up.
    pub(in crate::server) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        timeout(FOR_EVER, self.0.read_exact(&mut head))
            .await
            .expect("the server is silent")
            .ok()?;
        let mut payload =
            vec![0; usize::from(head[0]) << 16 | number(&head) as usize >> 8 & 0xFFFF];
        self.0.read_exact(&mut payload).await.ok()?;
        let stream = number(&head[5..]) & 0x7FFF_FFFF;
        Some(Frame { kind: Kind::of(head[3]), flags: head[4], stream, payload })
    }

    /// The next frame of a kind; others are passed over.
    pub(in crate::server) async fn next_of(&mut self, kind: Kind) -> Frame {
        loop {
            let frame =
                self.next().await.unwrap_or_else(|| panic!("the server hung up: no {kind:?}"));
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// Reads up to the end of a call.
    pub(in crate::server) async fn end_of(&mut self, stream: u32) {
        loop {
            let frame = self.next().await.expect("the server hung up before the call's end");
            let of_the_call = frame.stream == stream;
            assert!(!of_the_call || frame.kind != Kind::Reset, "{frame:?}");
            if of_the_call && frame.ends_stream() {
                return;
            }
        }
    }

    /// Waits for a ping, and answers it.
    pub(in crate::server) async fn answer_ping(&mut self) {
        let ping = self.next_of(Kind::Ping).await;
        self.frame(Kind::Ping, ACK, 0, &ping.payload).await;
    }

    /// Reads the frames of an answer, each after a pause; returns how many bytes of data there were.
    pub(in crate::server) async fn read_slowly(&mut self, pause: Duration) -> usize {
        let mut received = 0;
        loop {
            tokio::time::sleep(pause).await;
            let frame = self.next().await.expect("the server hung up in the middle of an answer");
            received += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
            if frame.ends_stream() {
                return received;
            }
        }
    }

    /// Reads until the server hangs up; gives the frames.
    pub(in crate::server) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

fn literal(block: &mut Vec<u8>, key: &[u8], value: &str) {
    block.extend(key);
    string(block, value);
}

/// A string of HPACK, as it is (RFC 7541, 5.2).
fn string(block: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap() | 0x80);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend(text.as_bytes());
}
