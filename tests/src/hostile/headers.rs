//! Heads that are larger than they look, or take their time.

use http::StatusCode;
use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{
    frames::{DATA, END_STREAM, Frames, Said, frame, head, opening},
    hpack::{self, indexed, literal, remembered, table_size},
    raw::{self, Raw},
    wait,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{ENHANCE_YOUR_CALM, PROTOCOL_ERROR, attack::attack};

const SAY_HELLO: &[u8] = b"/helloworld.Greeter/SayHello";

/// Sends so many calls whose heads have something more.
async fn calls(count: u32, more: &[u8]) -> Said {
    let block = hpack::call(SAY_HELLO, more);
    attack(async |address| {
        let call = |number| head(2 * number + 1, END_STREAM, &block);
        Frames::connect(address).await.flood(count, call).await
    })
    .await
}

#[tokio::test]
async fn one_header_of_many_megabytes() {
    let said = calls(1, &literal(b"x-large", &vec![b'a'; 16 << 20])).await;
    assert_eq!(said.goaway, Some(ENHANCE_YOUR_CALM), "{said:?}");
}

/// Each costs 32 bytes more than it takes.
#[tokio::test]
async fn many_small_headers() {
    let said = calls(1, &literal(b"a", b"").repeat(10_000)).await;
    assert_eq!(said.goaway, Some(ENHANCE_YOUR_CALM), "{said:?}");
}

/// One byte stands for a header of 4,000.
#[tokio::test]
async fn a_header_that_is_named_again_and_again() {
    let large = remembered(b"x-large", &[b'a'; 4_000]);
    let said = calls(100, &[large, indexed(62).repeat(10_000)].concat()).await;
    assert_eq!(said.goaway, Some(ENHANCE_YOUR_CALM), "{said:?}");
}

#[tokio::test]
async fn a_table_that_is_filled_anew_by_each_call() {
    let block = hpack::call(SAY_HELLO, &remembered(b"x-large", &[b'a'; 4_000]));
    attack(async |address| {
        let mut frames = Frames::connect(address).await;
        for number in 0..5_000 {
            frames.send(&head(2 * number + 1, END_STREAM, &block)).await;
            // No more calls are open than may be.
            assert!(number % 100 > 0 || frames.answers().await);
        }
    })
    .await;
}

#[tokio::test]
async fn tables_that_change_their_size_or_have_no_such_place() {
    for wrong in [indexed(100_000), indexed(0), table_size(1 << 30), vec![0xff; 16]] {
        let said = calls(1, &wrong).await;
        assert_eq!(said.goaway, Some(PROTOCOL_ERROR), "{wrong:?}: {said:?}");
    }
    let sizes = [table_size(0), table_size(4_096)].concat().repeat(2_000);
    let said = attack(async |address| {
        let block = [sizes.clone(), hpack::call(SAY_HELLO, &[])].concat();
        let call = |number| head(2 * number + 1, END_STREAM, &block);
        Frames::connect(address).await.flood(200, call).await
    })
    .await;
    assert!(said.alive || said.goaway == Some(PROTOCOL_ERROR), "{said:?}");
}

/// h2 answers by itself; a call that is a little less goes on, and is INVALID_ARGUMENT or OK as the service says.
#[tokio::test]
async fn metadata_beyond_the_limit() {
    let statuses = attack(async |address| {
        let raw = Raw::connect(address).await;
        let mut statuses = Vec::new();
        for size in [15 << 10, 17 << 10] {
            let head = raw.head("/helloworld.Greeter/SayHello").header("x-large", "a".repeat(size));
            let ended = raw.call(head, raw::message(&HelloRequest::default())).await.unwrap();
            statuses.push((ended.status, ended.grpc_status().to_owned()));
        }
        statuses
    })
    .await;
    let too_large = (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, String::new());
    assert_eq!(statuses, [(StatusCode::OK, "0".to_owned()), too_large]);
}

/// Slow, and right: the call is answered.
#[tokio::test]
async fn a_call_that_comes_byte_by_byte() {
    let message = raw::message(&HelloRequest::default());
    let bytes = [
        opening(&[]),
        head(1, 0, &hpack::call(SAY_HELLO, &[])),
        frame(DATA, END_STREAM, 1, &message),
    ];
    attack(async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in bytes.concat() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut frames = Frames(stream);
        let answered = async || frames.ask().await.ended.contains(&1).then_some(());
        wait::until("the answer", answered).await;
    })
    .await;
}
