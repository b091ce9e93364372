//! The notice stands between two frames, whole, whatever the socket takes at a time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Writes the frames, each with a flush behind, and the notice before the flush of this one; reads what came of it.
async fn written(frames: Vec<Vec<u8>>, noticed: usize, pipe: usize) -> Vec<u8> {
    let (near, mut far) = tokio::io::duplex(pipe);
    let notice = Notice::default();
    let mut io = Noticed::new(near, notice.clone());
    let writing = tokio::spawn(async move {
        for (at, frame) in frames.iter().enumerate() {
            io.write_all(frame).await.unwrap();
            if at == noticed {
                notice.give();
            }
            io.flush().await.unwrap();
        }
        io.shutdown().await.unwrap();
    });
    let mut read = Vec::new();
    far.read_to_end(&mut read).await.unwrap();
    writing.await.unwrap();
    read
}

proptest! {
    #[test]
    fn it_is_written_once_and_whole(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 1..6),
        noticed in 0_usize..6,
        pipe in 1_usize..64,
    ) {
        let noticed = noticed % frames.len();
        let mut expected = frames[..=noticed].concat();
        expected.extend(GO_AWAY);
        expected.extend(frames[noticed + 1..].concat());
        let read = tokio_test::block_on(written(frames, noticed, pipe));
        prop_assert_eq!(read, expected);
    }
}
