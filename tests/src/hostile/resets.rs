//! Streams that end before they have begun: the client resets them, or makes the server do it.

use rootcap_tests::{
    frames::{DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PRIORITY, RST_STREAM},
    frames::{WINDOW_UPDATE, frame, head},
    hpack,
};

use super::{ENHANCE_YOUR_CALM, PROTOCOL_ERROR, attack::attack, never_read};

const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// The number of a client's stream.
fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// CVE-2023-44487, "rapid reset".
#[tokio::test]
async fn streams_that_the_client_resets_at_once() {
    let block = hpack::call(b"/helloworld.Greeter/SayHello", &[]);
    let said = attack(async |address| {
        let begin_and_reset = |number| {
            let reset = frame(RST_STREAM, 0, stream(number), &CANCEL);
            [head(stream(number), 0, &block), reset].concat()
        };
        Frames::connect(address).await.flood(20_000, begin_and_reset).await
    })
    .await;
    assert_eq!(said.goaway, Some(ENHANCE_YOUR_CALM), "{said:?}");
}

/// A client that is slow enough for each call to begin is within its rights.
#[tokio::test]
async fn streams_that_the_client_resets_one_after_the_other() {
    let block = never_read();
    attack(async |address| {
        let mut frames = Frames::connect(address).await;
        for number in 0..1_000 {
            frames.send(&head(stream(number), 0, &block)).await;
            assert!(frames.answers().await);
            frames.send(&frame(RST_STREAM, 0, stream(number), &CANCEL)).await;
        }
        assert!(frames.answers().await);
    })
    .await;
}

/// Begins calls, each of which is followed by a frame that is wrong for it; returns what ended the connection.
async fn wrong(end: u8, frame: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let block = never_read();
    attack(async |address| {
        let begin = |number| [head(stream(number), end, &block), frame(stream(number))].concat();
        Frames::connect(address).await.flood(5_000, begin).await.goaway
    })
    .await
}

/// CVE-2025-8671, "made you reset". h2 ends the connection at the first where it may, and it may take any error of a
/// stream for one of the connection; else at `http2.max_local_error_reset_streams`. It says PROTOCOL_ERROR where
/// STREAM_CLOSED (what comes late) and FRAME_SIZE_ERROR (a priority of four bytes) would say more.
#[tokio::test]
async fn streams_that_make_the_server_reset_them() {
    let overflow = 0x7fff_ffff_u32.to_be_bytes();
    let upper = hpack::literal(b"X-Upper", b"case");
    let head = never_read();
    let of_itself = |stream: u32| [&stream.to_be_bytes()[..], &[0]].concat();
    let ended = [
        wrong(0, |stream| frame(WINDOW_UPDATE, 0, stream, &overflow)).await,
        wrong(0, |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &upper)).await,
        wrong(0, |stream| frame(PRIORITY, 0, stream, &of_itself(stream))).await,
        wrong(0, |stream| frame(WINDOW_UPDATE, 0, stream, &[0; 4])).await,
        wrong(END_STREAM, |stream| frame(DATA, 0, stream, b"late")).await,
        wrong(END_STREAM, |stream| frame(HEADERS, END_HEADERS, stream, &head)).await,
        wrong(0, |stream| frame(PRIORITY, 0, stream, &[0; 4])).await,
        wrong(0, |stream| frame(RST_STREAM, 0, stream + 2, &CANCEL)).await,
    ];
    let too_many = Some(ENHANCE_YOUR_CALM);
    let at_once = Some(PROTOCOL_ERROR);
    assert_eq!(ended[..3], [too_many, at_once, too_many]);
    assert_eq!(ended[3..], [at_once; 5]);
}
