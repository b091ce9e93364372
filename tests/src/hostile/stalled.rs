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

/// Asks for much in many calls, and lets nothing or one byte of each be sent. Calls for which there is no room do not
/// begin.
async fn stalled(address: SocketAddr, window: u32, method: &str, message: &[u8]) {
    let mut frames = Frames::connect_with(address, &[(INITIAL_WINDOW_SIZE, window)]).await;
    // The windows are the server's from its settings on.
    assert!(frames.answers().await);
    for number in 0..CALLS {
        frames.send(&call(2 * number + 1, method, message)).await;
    }
    let mut heads = 0;
    let some = async || {
        heads += frames.ask().await.heads;
        (heads > 0).then_some(())
    };
    wait::until("the head of an answer", some).await;
    // Time for what comes after, and for the other calls.
    for _ in 0..300 {
        assert!(frames.answers().await);
    }
}

/// What is held is bounded by `http2.max_buffered` and a message, for answers of one message too.
#[tokio::test]
async fn answers_that_nobody_takes() {
    let endless = StreamRequest { count: u32::MAX, size: 1 << 20, interval_millis: 0 };
    let whole = EchoRequest { payload: vec![0; 32 << 10].into() };
    for window in [0, 1] {
        for (method, message) in
            [("Stream", raw::message(&endless)), ("Echo", raw::message(&whole))]
        {
            attack(async |address| stalled(address, window, method, &message).await).await;
        }
    }
}
