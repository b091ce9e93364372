//! Frames of HTTP/2 by hand, for what no HTTP library would send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use crate::{hpack, wait};

/// What a client begins with: RFC 9113, 3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Types of frames: RFC 9113, 6.
pub const DATA: u8 = 0;
#[allow(missing_docs, reason = "as above")]
pub const HEADERS: u8 = 1;
#[allow(missing_docs, reason = "as above")]
pub const PRIORITY: u8 = 2;
#[allow(missing_docs, reason = "as above")]
pub const RST_STREAM: u8 = 3;
#[allow(missing_docs, reason = "as above")]
pub const SETTINGS: u8 = 4;
#[allow(missing_docs, reason = "as above")]
pub const PING: u8 = 6;
#[allow(missing_docs, reason = "as above")]
pub const WINDOW_UPDATE: u8 = 8;
#[allow(missing_docs, reason = "as above")]
pub const CONTINUATION: u8 = 9;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
/// Flags of DATA and HEADERS.
pub const END_STREAM: u8 = 1;
#[allow(missing_docs, reason = "as above")]
pub const END_HEADERS: u8 = 4;
/// The frame size that every peer takes.
pub const MAX_FRAME: usize = 16_384;
/// What is asked at the end.
const QUESTION: &[u8] = b"are you?";

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The frames of a head, with these flags beside those of its end.
pub fn head(stream: u32, flags: u8, block: &[u8]) -> Vec<u8> {
    let mut parts = block.chunks(MAX_FRAME).peekable();
    let (mut kind, mut flags, mut frames) = (HEADERS, flags, Vec::new());
    loop {
        let part = parts.next().unwrap_or_default();
        let last = if parts.peek().is_none() { END_HEADERS } else { 0 };
        frames.extend(frame(kind, flags | last, stream, part));
        if last != 0 {
            return frames;
        }
        (kind, flags) = (CONTINUATION, 0);
    }
}

/// What a client sends before anything else: the preface and these settings.
pub fn opening(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend_from_slice(&name.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    [PREFACE, &frame(SETTINGS, 0, 0, &payload), &frame(SETTINGS, ACK, 0, &[])].concat()
}

/// A connection.
pub struct Frames(pub TcpStream);

/// What the server said, up to the answer to a last ping or to its end.
#[derive(Debug, Default)]
pub struct Said {
    /// The code of its GOAWAY, or of the last of them.
    pub goaway: Option<u32>,
    /// The codes with which it reset streams.
    pub resets: Vec<u32>,
    /// How many heads, or ends with headers, came.
    pub heads: usize,
    /// How many bytes the last of them took.
    pub last_head: u32,
    /// The streams that ended with headers, as answered calls do.
    pub ended: Vec<u32>,
    /// The ping was answered: the connection goes on.
    pub alive: bool,
}

impl Frames {
    /// Connects and sends the preface.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[]).await
    }

    /// Connects and sends the preface, with these settings (RFC 9113, 6.5.2).
    pub async fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self(TcpStream::connect(address).await.unwrap());
        frames.0.set_nodelay(true).unwrap();
        frames.0.write_all(&opening(settings)).await.unwrap();
        frames
    }

    /// Sends a whole request without a body: these headers, in this order, byte for byte.
    pub async fn request(&mut self, stream: u32, headers: &[(&[u8], &[u8])]) {
        let block: Vec<_> =
            headers.iter().flat_map(|(name, value)| hpack::literal(name, value)).collect();
        self.send(&head(stream, END_STREAM, &block)).await;
    }

    /// Sends a call of `path`, with one more header.
    pub async fn call(&mut self, stream: u32, path: &[u8], (name, value): (&[u8], &[u8])) {
        let block = hpack::call(path, &hpack::literal(name, value));
        self.send(&head(stream, END_STREAM, &block)).await;
    }

    /// Whether the connection still answers a ping.
    pub async fn answers(&mut self) -> bool {
        self.ask().await.alive
    }

    /// Sends a ping, and reads to its answer.
    pub async fn ask(&mut self) -> Said {
        self.send(&frame(PING, 0, 0, QUESTION)).await;
        wait::for_end("the answer to a ping, or the end", read(&mut self.0)).await
    }

    /// Sends anything. The server may have hung up: what it says then is seen by reading.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Sends so many things, and a ping, and reads all the while.
    pub async fn flood(self, count: u32, mut thing: impl FnMut(u32) -> Vec<u8>) -> Said {
        /// What is sent at once.
        const CHUNK: usize = 64 * 1024;
        let (mut from, mut to) = self.0.into_split();
        let writing = async move {
            let mut chunk = Vec::new();
            for number in 0..count {
                chunk.extend(thing(number));
                if chunk.len() >= CHUNK {
                    // Where the server has hung up, there is no use in going on.
                    to.write_all(&std::mem::take(&mut chunk)).await?;
                }
            }
            chunk.extend(frame(PING, 0, 0, QUESTION));
            to.write_all(&chunk).await?;
            std::io::Result::Ok(to)
        };
        let both = async { tokio::join!(read::<OwnedReadHalf>(&mut from), writing) };
        wait::for_end("the end of a flood", both).await.0
    }
}

/// Reads to the answer of a ping, or to the end.
async fn read<R: AsyncReadExt + Unpin>(from: &mut R) -> Said {
    let mut said = Said::default();
    let mut head = [0; 9];
    while from.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if from.read_exact(&mut payload).await.is_err() {
            break;
        }
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match head[3] {
            GOAWAY => said.goaway = Some(number(4)),
            HEADERS => {
                said.heads += 1;
                said.last_head = length;
                if head[4] & END_STREAM != 0 {
                    said.ended.push(u32::from_be_bytes(head[5..].try_into().unwrap()));
                }
            }
            RST_STREAM => said.resets.push(number(0)),
            PING if head[4] == ACK && payload == QUESTION => {
                said.alive = true;
                break;
            }
            _ => {}
        }
    }
    said
}
