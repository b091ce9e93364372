//! Peers that do not take what there is to send: what is held for them is bounded, in bytes and in time.

use super::{service::LARGE, *};
use crate::config::Size;

/// The default of `connection.stall_timeout`.
const TIMEOUT: Duration = seconds(300);
/// A call is looked at this often within the timeout, so it may last so much longer.
const LOOKS: u32 = 4;

/// A window of HTTP/2 that is never exhausted.
const WIDE: u32 = 1 << 30;

#[tokio::test(start_paused = true)]
async fn a_call_whose_reader_takes_nothing_is_reset() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 0)]).await;
    let began = Instant::now();
    peer.call(1, "/test/Flood").await;
    let reset = peer.next_of(Kind::Reset).await;
    assert_eq!((reset.stream, reset.reset_code()), (1, 8));
    assert!(
        (TIMEOUT..=TIMEOUT + TIMEOUT / LOOKS).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    assert_eq!((server.calls.handlers(), server.connection().unsent()), (0, 0));
    assert_eq!(server.ended_as("Unavailable"), 1);
    // The connection, and its other calls, go on.
    peer.call(3, "/test/Now").await;
    peer.end_of(3).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_last_message_is_not_taken_is_reset_and_not_ok() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 1)]).await;
    peer.call(1, "/test/Large").await;
    assert_eq!(peer.next_of(Kind::Reset).await.stream, 1);
    assert_eq!(["Unavailable", "OK"].map(|code| server.ended_as(code)), [1, 0]);
    assert_eq!(server.connection().unsent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_a_little_now_and_then_gets_all() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 1024)]).await;
    peer.call(1, "/test/Large").await;
    let mut taken = 1024;
    while taken < LARGE {
        tokio::time::sleep(TIMEOUT / 2).await;
        let step: u32 = 32 * 1024;
        for stream in [0, 1] {
            peer.frame(Kind::WindowUpdate, 0, stream, &step.to_be_bytes()).await;
        }
        taken += step as usize;
    }
    peer.end_of(1).await;
    assert_eq!(server.ended_as("OK"), 1);
}

/// A reader that has taken everything there was owes nothing.
#[tokio::test(start_paused = true)]
async fn a_stream_that_has_nothing_to_send_is_not_stalled() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Quiet").await;
    tokio::time::sleep(10 * TIMEOUT).await;
    assert_eq!((server.calls.handlers(), server.connection().unsent()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_for_a_connection_is_bounded_and_all_of_it_arrives() {
    const CALLS: u32 = 50;
    let server = Server::with(|config| config.http2.max_buffered = Size::kib(512));
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 1)]).await;
    let streams = (1..).step_by(2).take(CALLS as usize);
    for stream in streams.clone() {
        peer.call(stream, "/test/Large").await;
    }
    tokio::time::sleep(seconds(60)).await;
    let unsent = server.connection().unsent();
    assert!((512 * 1024..512 * 1024 + LARGE).contains(&unsent), "{unsent}");
    assert_eq!(server.io().open_calls(), CALLS as usize);
    // An answer that nobody takes is memory before HTTP/2 has it, too: 200 of 1 MiB were 212 MB.
    assert_eq!(server.calls.begun(), 512 * 1024 / LARGE + 1);

    peer.frame(Kind::Settings, 0, 0, &[&4_u16.to_be_bytes()[..], &WIDE.to_be_bytes()].concat())
        .await;
    peer.frame(Kind::WindowUpdate, 0, 0, &WIDE.to_be_bytes()).await;
    let (mut ended, mut received) = (0, 0);
    while ended < CALLS {
        let frame = peer.next().await.unwrap();
        ended += u32::from(frame.ends_stream());
        received += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
    }
    assert_eq!((received, server.connection().unsent()), (CALLS as usize * LARGE, 0));
    assert_eq!(server.ended_as("OK"), u64::from(CALLS));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_room_ends_at_its_deadline_or_with_its_caller() {
    let server = Server::with(|config| config.http2.max_buffered = Size::kib(64));
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 1)]).await;
    peer.call(1, "/test/Large").await;
    tokio::time::sleep(seconds(1)).await;
    let began = Instant::now();
    peer.call_with_timeout(3, "/test/Wait", "1S").await;
    peer.call(5, "/test/Wait").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((server.calls.begun(), server.io().open_calls()), (1, 3));
    peer.frame(Kind::Reset, 0, 5, &8_u32.to_be_bytes()).await;
    peer.end_of(3).await;
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!(["DeadlineExceeded", "Canceled"].map(|code| server.ended_as(code)), [1, 1]);
    assert_eq!(server.io().open_calls(), 1);
}

/// The socket takes nothing, not even a reset.
#[tokio::test(start_paused = true)]
async fn a_connection_that_takes_nothing_is_closed() {
    let server = Server::new();
    let (mut peer, end) = server.accept_over(1024);
    peer.greet(&[(4, WIDE)]).await;
    let began = Instant::now();
    peer.call(1, "/test/Flood").await;
    assert_eq!(end.await.unwrap(), CloseReason::Stalled);
    assert!((2 * TIMEOUT..=3 * TIMEOUT).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(server.ended_as("Unavailable"), 1);
    server.all_gone().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_abandoned_holds_nothing() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 1)]).await;
    peer.call(1, "/test/Large").await;
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(server.connection().unsent(), LARGE - 1);
    peer.frame(Kind::Reset, 0, 1, &8_u32.to_be_bytes()).await;
    tokio::time::sleep(seconds(1)).await;
    assert_eq!((server.connection().unsent(), server.io().open_calls()), (0, 0));
    // Not OK, although the body had told its end.
    assert_eq!(["Canceled", "OK"].map(|code| server.ended_as(code)), [1, 0]);
}
