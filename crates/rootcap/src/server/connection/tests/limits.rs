//! Every limit of HTTP/2 in the settings takes effect.

use super::*;
use crate::config::Size;

/// Error codes (RFC 9113, 7).
const REFUSED_STREAM: u32 = 7;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test(start_paused = true)]
async fn the_peer_is_told_the_limits() {
    let server = Server::with(|config| {
        config.http2.max_concurrent_streams = 17;
        config.http2.max_header_list_size = Size::kib(5);
        config.http2.max_frame_size = Size::kib(21);
        config.http2.stream_window = Size::kib(33);
        config.http2.connection_window = Size::kib(128);
    });
    let (mut peer, _end) = server.accept();
    let settings = peer.greet(&[]).await;
    assert_eq!(settings.setting(3), Some(17));
    assert_eq!(settings.setting(6), Some(5 * 1024));
    assert_eq!(settings.setting(5), Some(21 * 1024));
    assert_eq!(settings.setting(4), Some(33 * 1024));
    let update = peer.next_of(Kind::WindowUpdate).await;
    assert_eq!((update.stream, update.reset_code()), (0, 128 * 1024 - 65_535));
}

#[tokio::test(start_paused = true)]
async fn by_default_every_limit_is_finite() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    let settings = peer.greet(&[]).await;
    assert_eq!(settings.setting(3), Some(200));
    assert_eq!(settings.setting(6), Some(16 * 1024));
}

#[tokio::test(start_paused = true)]
async fn a_call_too_many_is_refused() {
    let server = Server::with(|config| config.http2.max_concurrent_streams = 2);
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    for stream in [1, 3, 5] {
        peer.call(stream, "/test/Wait").await;
    }
    let reset = peer.next_of(Kind::Reset).await;
    assert_eq!((reset.stream, reset.reset_code()), (5, REFUSED_STREAM));
    assert_eq!(server.calls.handlers(), 2);
}

#[tokio::test(start_paused = true)]
async fn too_much_metadata_is_refused() {
    let server = Server::with(|config| config.http2.max_header_list_size = Size::kib(2));
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.request(1, b"\x83", "/test/Wait", &[("k", &"v".repeat(3000))]).await;
    let head = peer.next_of(Kind::Headers).await;
    assert!(head.ends_stream());
    assert_eq!(server.calls.handlers(), 0);
    peer.call(3, "/test/Now").await;
    peer.end_of(3).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_too_large_ends_the_connection() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    peer.frame(Kind::Data, 0, 1, &vec![0; 16 * 1024 + 1]).await;
    assert_eq!(peer.next_of(Kind::GoAway).await.go_away().1, FRAME_SIZE_ERROR);
    assert_eq!(end.await.unwrap(), CloseReason::Protocol);
}

/// "Rapid reset": calls that are reset before the server has taken them up.
#[tokio::test(start_paused = true)]
async fn too_many_resets_end_the_connection() {
    let server = Server::with(|config| config.http2.max_pending_accept_reset_streams = 5);
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    for stream in (1..).step_by(2).take(7) {
        peer.call(stream, "/test/Wait").await;
        peer.frame(Kind::Reset, 0, stream, &8_u32.to_be_bytes()).await;
    }
    assert_eq!(peer.next_of(Kind::GoAway).await.go_away().1, ENHANCE_YOUR_CALM);
    assert_eq!(end.await.unwrap(), CloseReason::EnhanceYourCalm);
    server.calls.handlers_are(0).await;
}

/// Calls that the server has to reset for errors of the peer.
#[tokio::test(start_paused = true)]
async fn too_many_errors_of_the_peer_end_the_connection() {
    let server = Server::with(|config| config.http2.max_local_error_reset_streams = 5);
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    for stream in (1..).step_by(2).take(7) {
        peer.call(stream, "/test/Wait").await;
        // The window would be too large.
        peer.frame(Kind::WindowUpdate, 0, stream, &(u32::MAX >> 1).to_be_bytes()).await;
    }
    assert_eq!(peer.next_of(Kind::GoAway).await.go_away().1, ENHANCE_YOUR_CALM);
    assert_eq!(end.await.unwrap(), CloseReason::EnhanceYourCalm);
}
