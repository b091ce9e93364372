//! Requests that are no calls.

use super::*;

#[tokio::test(start_paused = true)]
async fn connect_is_refused_and_opens_no_tunnel() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.connect(1).await;
    let head = peer.next_of(Kind::Headers).await;
    assert!(head.ends_stream());
    // What ":status 200" is in HPACK's static table.
    assert_ne!(head.payload[0], 0x88);
    peer.call(3, "/test/Now").await;
    peer.end_of(3).await;
    assert_eq!((server.io().open_calls(), server.calls.handlers()), (0, 0));
    let metrics = rootcap_layers::metrics::render(&server.methods);
    assert!(metrics.contains("grpc_method=\"unknown\",grpc_code=\"Unknown\"} 1"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn get_is_a_call_like_any_other() {
    let server = Server::new();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.request(1, b"\x82", "/test/Now", &[]).await;
    peer.end_of(1).await;
}
