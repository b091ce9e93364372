//! Bodies that are cut off, larger than they look, or never read.

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, FlushCompress};
use futures_util::{StreamExt, stream};
use rootcap_proto::testing::EchoRequest;
use rootcap_tests::{
    frames::{DATA, Frames, frame, head},
    raw::{self, Raw},
};

use super::{
    attack::{attack, attack_within},
    never_read,
};

const INTERNAL: &str = "13";
const RESOURCE_EXHAUSTED: &str = "8";

/// The status of an Echo with this body.
async fn echo(raw: &Raw, encoding: &str, body: impl Into<Bytes>) -> String {
    let head = raw.head("/rootcap.testing.Faults/Echo").header("grpc-encoding", encoding);
    raw.call(head, body.into()).await.unwrap().grpc_status().to_owned()
}

#[tokio::test]
async fn messages_that_are_cut_off() {
    let whole = raw::message(&EchoRequest { payload: vec![7; 1_000].into() });
    attack(async |address| {
        let raw = Raw::connect(address).await;
        for length in [1, 4, 5, 6, 500, whole.len() - 1] {
            assert_eq!(echo(&raw, "identity", whole.slice(..length)).await, INTERNAL, "{length}");
        }
    })
    .await;
}

/// Only what comes is kept, whatever is announced.
#[tokio::test]
async fn messages_that_are_announced_as_4_gib() {
    attack(async |address| {
        let raw = Raw::connect(address).await;
        let calls = (0..200).map(|_| echo(&raw, "identity", &b"\0\xff\xff\xff\xff\x0a"[..]));
        let codes: Vec<_> = stream::iter(calls).buffer_unordered(200).collect().await;
        // More than all requests together may hold (limits.request_bytes).
        assert_eq!(codes, ["8"; 200]);
    })
    .await;
}

/// Who announces everything, and sends nothing, takes nobody's room.
#[tokio::test]
async fn requests_that_are_announced_and_do_not_come() {
    attack(async |address| {
        let raw = Raw::connect(address).await;
        let mut open = Vec::new();
        // All that may be in flight (limits.request_bytes), by the head; and as much, by prefixes of 4 MiB.
        let head = || raw.head("/rootcap.testing.Faults/Echo");
        open.push(raw.open(head().header("content-length", 512u64 << 20)).await);
        for _ in 0..90 {
            let (mut stream, response) = raw.open(head()).await;
            stream.send_data(Bytes::from_static(b"\0\0\x3f\xff\xf0"), false).unwrap();
            open.push((stream, response));
        }
        for _ in 0..10 {
            assert_eq!(echo(&raw, "identity", raw::message(&EchoRequest::default())).await, "0");
        }
        drop(open);
    })
    .await;
}

/// A compressed message, with its prefix.
fn compressed(bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::new();
    message.put_u8(1);
    message.put_u32(bytes.len().try_into().unwrap());
    message.extend_from_slice(bytes);
    message.freeze()
}

/// So many MiB of zeros, as gzip: one, again and again. Nobody comes to the end, so there is none.
fn gzip(megabytes: usize) -> Vec<u8> {
    let mut part = Vec::with_capacity(1 << 16);
    let mut deflate = Compress::new(Compression::best(), false);
    deflate.compress_vec(&vec![0; 1 << 20], &mut part, FlushCompress::Sync).unwrap();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    [&head[..], &part.repeat(megabytes)].concat()
}

/// So many blocks of 128 KiB, each of one byte again and again, behind a head that asks for a window of 128 MiB
/// (RFC 8878, 3.1.1).
fn zstd(blocks: usize) -> Vec<u8> {
    const SIZE: u32 = 128 << 10;
    const REPEATED: u32 = 1;
    let window_of_128_mib = (27 - 10) << 3;
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window_of_128_mib];
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | REPEATED << 1 | SIZE << 3;
        bytes.extend_from_slice(&header.to_le_bytes()[..3]);
        bytes.push(0);
    }
    bytes
}

/// The limit on decoding, tonic's 4 MiB, is that of the message as it would be.
#[tokio::test]
async fn messages_that_inflate_to_gigabytes() {
    let bombs = [("gzip", compressed(&gzip(1 << 10))), ("zstd", compressed(&zstd(32 << 10)))];
    attack(async |address| {
        let raw = Raw::connect(address).await;
        for (encoding, bomb) in &bombs {
            assert!(bomb.len() < 4 << 20, "{encoding}: what is sent is small");
            assert_eq!(echo(&raw, encoding, bomb.clone()).await, RESOURCE_EXHAUSTED);
        }
    })
    .await;
}

/// Calls whose bodies are not read hold what the connection's window lets in, and no more.
#[tokio::test]
async fn bodies_that_no_handler_reads() {
    const FRAME: u32 = 16 << 10;
    /// The windows of a call and of a connection, in such frames.
    const CALL: u32 = (192 << 10) / FRAME;
    const CONNECTION: u32 = (20 << 20) / FRAME;
    const OVERHEAD: u64 = 10 << 20;
    let growth = u64::from(CONNECTION * FRAME) + OVERHEAD;
    attack_within(growth, async |address| {
        let mut frames = Frames::connect(address).await;
        // The windows are the server's from its settings on.
        assert!(frames.answers().await);
        let send = |number| {
            let stream = 2 * (number / CALL) + 1;
            let data = frame(DATA, 0, stream, &[0; FRAME as usize]);
            let begin = if number % CALL == 0 { head(stream, 0, &never_read()) } else { vec![] };
            [begin, data].concat()
        };
        assert!(frames.flood(CONNECTION, send).await.alive);
    })
    .await;
}
