//! Answers that nobody takes.

use std::net::SocketAddr;

use rootcap_proto::testing::{EchoRequest, StreamRequest};
use rootcap_tests::{
    frames::{DATA, END_STREAM, Frames, MAX_FRAME, frame, head},
    hpack, raw, wait,
};

use super::attack::attack;

/// The most calls of a connection.
const CALLS: u32 = 200;
/// The setting of the window that each stream begins with.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// The frames of a call.
fn call(stream: u32, method: &str, message: &[u8]) -> Vec<u8> {
    let path = format!("/rootcap.testing.Faults/{method}");
    let mut frames = head(stream, 0, &hpack::call(path.as_bytes(), &[]));
    for part in message.chunks(MAX_FRAME) {
        frames.extend(frame(DATA, 0, stream, part));
    }
    frames.extend(frame(DATA, END_STREAM, stream, &[]));
    frames
}

/// Asks for much in many calls, and lets nothing or one byte of each be sent.
async fn stalled(address: SocketAddr, window: u32, method: &str, message: &[u8]) {
    let mut frames = Frames::connect_with(address, &[(INITIAL_WINDOW_SIZE, window)]).await;
    // The windows are the server's from its settings on.
    assert!(frames.answers().await);
    for number in 0..CALLS {
        frames.send(&call(2 * number + 1, method, message)).await;
    }
    let mut heads = 0;
    let all = async || {
        heads += frames.ask().await.heads;
        (heads == CALLS as usize).then_some(())
    };
    wait::until("the heads of all answers", all).await;
    // Time for what comes after the heads.
    for _ in 0..100 {
        assert!(frames.answers().await);
    }
}

/// What is held is bounded by `http2.max_buffered` and one message of each call: what a handler has made, and cannot
/// yet send, is its own.
#[tokio::test]
async fn answers_that_nobody_takes() {
    let endless = StreamRequest { count: u32::MAX, size: 32 << 10, interval_millis: 0 };
    let whole = EchoRequest { payload: vec![0; 32 << 10].into() };
    for window in [0, 1] {
        for (method, message) in
            [("Stream", raw::message(&endless)), ("Echo", raw::message(&whole))]
        {
            attack(async |address| stalled(address, window, method, &message).await).await;
        }
    }
}
