//! Frames without an end.

use std::{io::ErrorKind, time::Duration};

use rootcap_tests::{
    frames::{CONTINUATION, DATA, Frames, HEADERS, PING, PRIORITY, SETTINGS, Said, WINDOW_UPDATE},
    frames::{frame, head},
    hpack,
};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, attack::attack, never_read};

/// More frames than any queue should hold.
const MANY: u32 = 20_000;

/// Sends a frame again and again, while a call is open.
async fn flood(count: u32, flooding: Vec<u8>) -> Said {
    attack(async |address| {
        let mut frames = Frames::connect(address).await;
        frames.send(&head(1, 0, &never_read())).await;
        frames.flood(count, |_| flooding.clone()).await
    })
    .await
}

#[tokio::test]
async fn frames_that_are_answered_or_ignored() {
    let floods = [
        frame(PING, 0, 0, b"pingping"),
        frame(SETTINGS, 0, 0, &[]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]),
        frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 0]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        // A type that nobody knows.
        frame(0xf0, 0, 0, b"unknown"),
    ];
    for flooding in floods {
        let kind = flooding[3];
        let said = flood(MANY, flooding).await;
        assert!(said.alive && said.goaway.is_none(), "type {kind}: {said:?}");
    }
}

#[tokio::test]
async fn data_without_a_byte() {
    let said = flood(MANY, frame(DATA, 0, 1, &[])).await;
    assert_eq!(said.goaway, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn a_head_that_goes_on_for_ever() {
    let large = hpack::literal(b"x-large", &[b'a'; 16_000]);
    for part in [&b""[..], b"\0\x01a\x01b", &large] {
        let said = attack(async |address| {
            let next = |number| match number {
                0 => frame(HEADERS, 0, 1, &never_read()),
                _ => frame(CONTINUATION, 0, 1, part),
            };
            Frames::connect(address).await.flood(10_000, next).await
        })
        .await;
        assert_eq!(said.goaway, Some(ENHANCE_YOUR_CALM), "{said:?}");
    }
}

#[tokio::test]
async fn a_window_that_grows_beyond_all_bounds() {
    let said = flood(2, frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])).await;
    assert_eq!(said.goaway, Some(FLOW_CONTROL_ERROR));
}

/// The server stops reading while its answers are not read: nothing of it waits in memory.
#[tokio::test]
async fn answers_that_nobody_reads() {
    /// Far more than the buffers of two sockets.
    const MOST: usize = 512 << 20;
    /// After this, a write has met a reader that has stopped.
    const STUCK: Duration = Duration::from_secs(1);
    for flooding in [frame(PING, 0, 0, b"pingping"), frame(SETTINGS, 0, 0, &[])] {
        let chunk = flooding.repeat(4_096);
        attack(async |address| {
            let mut frames = Frames::connect(address).await;
            let mut sent = 0;
            while let Ok(written) =
                timeout(STUCK, frames.0.write(&chunk[sent % chunk.len()..])).await
            {
                match written {
                    Ok(bytes) => sent += bytes,
                    Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
                }
                assert!(sent < MOST, "the server goes on reading");
            }
        })
        .await;
    }
}
