//! Deadlines that hold although nobody polls the call's body.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_call_whose_reader_stalls_ends_at_its_deadline() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 0)]).await;
    let began = Instant::now();
    peer.call_with_timeout(1, "/test/Flood", "1S").await;
    server.calls.handlers_are(1).await;
    let reset = peer.next_of(Kind::Reset).await;
    assert_eq!((reset.stream, reset.reset_code()), (1, 8));
    assert_eq!(began.elapsed().as_secs(), 1);
    assert_eq!((server.calls.handlers(), server.io().open_calls()), (0, 0));
    assert_eq!(server.ended_as("DeadlineExceeded"), 1);
    // The connection, and its other calls, go on.
    peer.call(3, "/test/Now").await;
    peer.end_of(3).await;
}

/// The body has told its end, but the peer will not read it: it used to count as OK, and to stay for ever.
#[tokio::test(start_paused = true)]
async fn a_call_whose_last_message_is_not_taken_ends_at_its_deadline() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 1)]).await;
    let began = Instant::now();
    peer.call_with_timeout(1, "/test/Large", "1S").await;
    let reset = peer.next_of(Kind::Reset).await;
    assert_eq!((reset.stream, reset.reset_code(), began.elapsed().as_secs()), (1, 8, 1));
    let ended = ["DeadlineExceeded", "OK"].map(|code| server.ended_as(code));
    assert_eq!((ended, server.connection().unsent()), ([1, 0], 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_waits_for_its_reader() {
    let server = Server::with(|config| config.connection.stall_timeout = None);
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 0)]).await;
    peer.call(1, "/test/Flood").await;
    server.calls.handlers_are(1).await;
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(server.calls.handlers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_in_time_gets_its_status_and_no_reset() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    let began = Instant::now();
    peer.call_with_timeout(1, "/test/Wait", "1S").await;
    peer.end_of(1).await;
    assert_eq!((began.elapsed().as_secs(), server.calls.handlers()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_reader_that_stalls_makes_the_server_hold_is_bounded() {
    let server = Server::with(|config| {
        config.http2.max_send_buffer_size = crate::config::Size::kib(64);
    });
    let (mut peer, _end) = server.accept();
    peer.greet(&[(4, 0)]).await;
    peer.call(1, "/test/Flood").await;
    server.calls.handlers_are(1).await;
    tokio::time::sleep(seconds(60)).await;
    assert!(server.calls.flooded() <= 128 * 1024, "{}", server.calls.flooded());
}
