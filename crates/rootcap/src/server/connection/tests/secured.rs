//! Over TLS: from the first moment to the end of the handshake, and what TLS does to the rest.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{peer::Peer, service::LARGE, *};
use crate::tls::{
    Tls,
    tests::{
        pki::{Authority, Directory, localhost},
        tls,
    },
};

/// A server with a certificate, and a client that trusts it.
struct Secured {
    server: Server,
    tls: Tls,
    client: Arc<ClientConfig>,
    _files: Directory,
}

impl Secured {
    fn new() -> Self {
        let authority = Authority::new();
        let files = Directory::of(&authority.issue(1));
        let client = authority.client(None, &["h2"]);
        Self { server: Server::new(), tls: tls(&files), client, _files: files }
    }

    fn accept(&self, pipe: usize) -> (DuplexStream, JoinHandle<CloseReason>) {
        self.server.accept_secured(pipe, self.tls.clone())
    }

    /// A connection whose handshake is done.
    async fn connect(
        &self,
        pipe: usize,
    ) -> (Peer<TlsStream<DuplexStream>>, JoinHandle<CloseReason>) {
        let (far, end) = self.accept(pipe);
        let connector = TlsConnector::from(Arc::clone(&self.client));
        (Peer(connector.connect(localhost(), far).await.unwrap()), end)
    }
}

const PIPE: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn calls_are_answered_and_the_end_is_announced() {
    let secured = Secured::new();
    let (mut peer, end) = secured.connect(PIPE).await;
    peer.greet(&[]).await;
    peer.call(1, "/test/Now").await;
    peer.end_of(1).await;
    let io = secured.server.io();
    let preface = 24 + 9;
    // The preface, the acknowledgement of the server's settings and one request: what HTTP/2 has of it.
    assert!(io.bytes_in() > preface && io.bytes_in() < preface + 200, "{}", io.bytes_in());
    secured.server.life.advance(Phase::Draining);
    peer.answer_ping().await;
    // Without a close_notify the client would see an error in place of an end.
    let mut rest = Vec::new();
    while peer.0.read_buf(&mut rest).await.unwrap() > 0 {}
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_takes_too_long_is_closed() {
    let secured = Secured::new();
    for sent in ["", "\x16\x03\x01"] {
        let began = Instant::now();
        let (mut far, end) = secured.accept(PIPE);
        far.write_all(sent.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(secured.server.connections.len(), 1, "it counts from its first moment");
        assert_eq!(end.await.unwrap(), CloseReason::HandshakeTimeout);
        assert_eq!(began.elapsed(), seconds(10));
        assert_eq!(secured.server.connections.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_preface_has_its_own_time_after_the_handshake() {
    let secured = Secured::new();
    let (far, end) = secured.accept(PIPE);
    tokio::time::sleep(seconds(9)).await;
    let began = Instant::now();
    let connector = TlsConnector::from(Arc::clone(&secured.client));
    let _peer = connector.connect(localhost(), far).await.unwrap();
    assert_eq!(end.await.unwrap(), CloseReason::PrefaceTimeout);
    assert_eq!(began.elapsed(), seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_a_handshake_for_a_moment_and_the_cut_for_none() {
    let secured = Secured::new();
    for (phase, waits) in [(Phase::Draining, 1), (Phase::Cut, 0)] {
        let (_far, before) = secured.accept(PIPE);
        tokio::time::sleep(seconds(1) / 2).await;
        let began = Instant::now();
        secured.server.life.advance(phase);
        let (_far, after) = secured.accept(PIPE);
        for end in [before, after] {
            assert_eq!((end.await.unwrap(), began.elapsed()), (CloseReason::Drain, seconds(waits)));
        }
    }
    secured.server.all_gone().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_ends_in_a_drain_is_followed_by_a_greeting_and_a_goaway() {
    let secured = Secured::new();
    let (far, end) = secured.accept(PIPE);
    secured.server.life.advance(Phase::Draining);
    tokio::time::sleep(seconds(1) / 2).await;
    let connector = TlsConnector::from(Arc::clone(&secured.client));
    let mut peer = Peer(connector.connect(localhost(), far).await.unwrap());
    // The preface has a moment of its own.
    tokio::time::sleep(seconds(1) * 9 / 10).await;
    peer.greet(&[]).await;
    assert_eq!(peer.next_of(Kind::GoAway).await.go_away(), (u32::MAX >> 1, 0));
    peer.answer_ping().await;
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_goes_on_in_a_lame_duck() {
    let secured = Secured::new();
    secured.server.life.advance(Phase::LameDuck);
    let (mut peer, _end) = secured.connect(PIPE).await;
    peer.greet(&[]).await;
    peer.call(1, "/test/Now").await;
    peer.end_of(1).await;
}

#[tokio::test(start_paused = true)]
async fn plaintext_is_closed_at_once_and_a_silent_probe_is_no_failure() {
    let secured = Secured::new();
    let began = Instant::now();
    for (sent, reason) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CloseReason::HandshakeFailed),
        ("GET / HTTP/1.1\r\n\r\n", CloseReason::HandshakeFailed),
        ("", CloseReason::Done),
    ] {
        let (mut far, end) = secured.accept(PIPE);
        far.write_all(sent.as_bytes()).await.unwrap();
        if sent.is_empty() {
            drop(far);
        }
        assert_eq!((end.await.unwrap(), began.elapsed()), (reason, seconds(0)), "{sent:?}");
    }
}

/// What TLS has taken of an answer is not yet with the peer: it was cut off five seconds after the last byte that TLS
/// took, and the peer missed what was left in its buffer.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_whole_answer() {
    let secured = Secured::new();
    let (mut peer, end) = secured.connect(4 * 1024).await;
    peer.greet(&[(4, 1 << 30)]).await;
    peer.frame(Kind::WindowUpdate, 0, 0, &(1_u32 << 30).to_be_bytes()).await;
    peer.call(1, "/test/Large").await;
    peer.next_of(Kind::Headers).await;
    secured.server.calls.handlers_are(0).await;
    secured.server.life.advance(Phase::Draining);
    assert_eq!(peer.read_slowly(seconds(2)).await, LARGE);
    drop(peer);
    assert_eq!(end.await.unwrap(), CloseReason::Drain);
}

/// One write is one record: see `tls/tests/writes.rs`.
#[tokio::test(start_paused = true)]
async fn answers_that_end_together_leave_together() {
    let secured = Secured::new();
    let (mut peer, _end) = secured.connect(PIPE).await;
    peer.greet(&[]).await;
    let streams = [1, 3, 5, 7, 9, 11, 13, 15];
    for stream in streams {
        peer.call(stream, "/test/Wait").await;
    }
    secured.server.calls.handlers_are(streams.len()).await;
    let before = secured.server.io().writes();
    for _ in streams {
        secured.server.calls.release();
    }
    for stream in streams {
        peer.end_of(stream).await;
    }
    let writes = secured.server.io().writes() - before;
    assert!(writes <= 2, "{writes} writes for {} answers", streams.len());
}
