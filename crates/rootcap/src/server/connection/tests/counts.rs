//! What the table of connections shows.

use std::sync::atomic::Ordering::Relaxed;

use super::*;

#[tokio::test(start_paused = true)]
async fn open_and_total_calls_are_counted() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    peer.call(3, "/test/Wait").await;
    peer.call(5, "/test/Now").await;
    peer.end_of(5).await;
    server.calls.handlers_are(2).await;
    assert_eq!(server.io().open_calls(), 2);
    assert_eq!(server.connections.open_calls(), 2);
    assert_eq!(server.connections.all()[0].total_calls.load(Relaxed), 3);
    server.calls.release();
    peer.next_of(Kind::Headers).await;
    assert_eq!(server.io().open_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_peer_resets_is_open_no_more() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    peer.frame(Kind::Reset, 0, 1, &8_u32.to_be_bytes()).await;
    server.calls.handlers_are(0).await;
    tokio::task::yield_now().await;
    assert_eq!(server.io().open_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_goes_with_its_connection_and_the_handlers_too() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    let (_other, _) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    let began = Instant::now();
    drop(peer);
    end.await.unwrap();
    assert_eq!(server.connections.len(), 1);
    server.calls.handlers_are(0).await;
    assert_eq!(began.elapsed(), seconds(0));
}
