//! Frames of HTTP/2 by hand, for what no HTTP library would send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::wait;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The frame size that every peer takes.
const MAX_FRAME: usize = 16_384;

/// A connection.
pub struct Frames(TcpStream);

impl Frames {
    /// Connects and sends the preface.
    pub async fn connect(address: SocketAddr) -> Self {
        let mut frames = Self(TcpStream::connect(address).await.unwrap());
        frames.0.write_all(PREFACE).await.unwrap();
        frames.send(SETTINGS, 0, 0, &[]).await;
        frames.send(SETTINGS, ACK, 0, &[]).await;
        frames
    }

    /// Sends a whole request without a body: these headers, in this order, byte for byte.
    pub async fn request(&mut self, stream: u32, headers: &[(&[u8], &[u8])]) {
        let block =
            headers.iter().flat_map(|(name, value)| literal(name, value)).collect::<Vec<_>>();
        let mut parts = block.chunks(MAX_FRAME).peekable();
        let mut kind = HEADERS;
        while let Some(part) = parts.next() {
            let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
            let end = if kind == HEADERS { END_STREAM } else { 0 };
            self.send(kind, last | end, stream, part).await;
            kind = CONTINUATION;
        }
    }

    /// Sends a call of `path`, with one more header.
    pub async fn call(&mut self, stream: u32, path: &[u8], (name, value): (&[u8], &[u8])) {
        let head: [(&[u8], &[u8]); 6] = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b":authority", b"localhost"),
            (b"content-type", b"application/grpc"),
            (name, value),
        ];
        self.request(stream, &head).await;
    }

    /// Whether the connection still answers a ping.
    pub async fn answers(&mut self) -> bool {
        self.send(PING, 0, 0, b"are you?").await;
        wait::for_end("the answer to a ping, or the end", self.pong()).await
    }

    async fn pong(&mut self) -> bool {
        loop {
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).await.is_err() {
                return false;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if self.0.read_exact(&mut payload).await.is_err() {
                return false;
            }
            if head[3] == PING && head[4] == ACK {
                return true;
            }
        }
    }

    /// The server may have hung up: what it says then is seen by reading.
    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        let _ = self.0.write_all(&frame).await;
    }
}

/// A header that is not indexed, with neither string compressed (RFC 7541, 6.2.2).
fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        length(&mut block, text.len());
        block.extend_from_slice(text);
    }
    block
}

/// An integer with a prefix of 7 bits (RFC 7541, 5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        return block.push(length as u8);
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}
