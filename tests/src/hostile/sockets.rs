//! Sockets that are closed in the middle, by halves or by force.

use std::net::SocketAddr;

use rootcap_proto::{helloworld::HelloRequest, testing::StreamRequest};
use rootcap_tests::{
    frames::{DATA, END_STREAM, Frames, PREFACE, frame, head, opening},
    hpack, raw, wait,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{FRAME_SIZE_ERROR, PROTOCOL_ERROR, attack::attack, never_read};

/// How a client leaves.
#[derive(Clone, Copy)]
enum Leave {
    /// It says that it will send no more, and waits for the server to end.
    HalfClosed,
    /// It closes.
    Closed,
    /// It resets the connection.
    Reset,
}

/// How far it comes before: each is a piece of a call, with all before it.
fn pieces() -> Vec<Vec<u8>> {
    let message = raw::message(&HelloRequest { name: "a".repeat(1_000) });
    let endless = StreamRequest { count: u32::MAX, size: 1_000, interval_millis: 0 };
    let stream_head = head(1, 0, &hpack::call(b"/rootcap.testing.Faults/Stream", &[]));
    let stream = frame(DATA, END_STREAM, 1, &raw::message(&endless));
    let waiting = head(3, 0, &never_read());
    let body = frame(DATA, 0, 3, &message);
    vec![
        PREFACE[..10].to_vec(),
        opening(&[])[10..].to_vec(),
        stream_head[..20].to_vec(),
        stream_head[20..].to_vec(),
        stream[..10].to_vec(),
        stream[10..].to_vec(),
        [waiting, body[..500].to_vec()].concat(),
        body[500..].to_vec(),
    ]
}

async fn come_and_go(address: SocketAddr, sent: &[u8], leave: Leave) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    if sent.len() > PREFACE.len() {
        // The server has begun to speak: it is in the middle of it.
        stream.read_exact(&mut [0; 9]).await.unwrap();
    }
    match leave {
        Leave::Closed => {}
        Leave::Reset => stream.set_zero_linger().unwrap(),
        Leave::HalfClosed => {
            stream.shutdown().await.unwrap();
            let mut rest = tokio::io::sink();
            let end = tokio::io::copy(&mut stream, &mut rest);
            let _ = wait::for_end("the end of a half-closed connection", end).await;
        }
    }
}

/// A client that sends no more has gone, as far as can be seen: its calls are cancelled, and what it holds is freed.
#[tokio::test]
async fn connections_that_end_in_the_middle() {
    for leave in [Leave::HalfClosed, Leave::Closed, Leave::Reset] {
        attack(async |address| {
            let mut sent = Vec::new();
            for piece in pieces() {
                sent.extend(piece);
                for _ in 0..50 {
                    come_and_go(address, &sent, leave).await;
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn garbage_after_the_preface() {
    let garbage = [
        (b"GET / HTTP/1.1\r\n\r\n".repeat(100), FRAME_SIZE_ERROR),
        (vec![0xff; 4_096], FRAME_SIZE_ERROR),
        // DATA of no stream.
        (vec![0; 4_096], PROTOCOL_ERROR),
    ];
    for (bytes, expected) in garbage {
        let said = attack(async |address| {
            Frames::connect(address).await.flood(1, |_| bytes.clone()).await
        })
        .await;
        assert_eq!(said.goaway, Some(expected), "{said:?}");
    }
}
