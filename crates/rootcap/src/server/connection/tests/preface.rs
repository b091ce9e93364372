//! From the first moment to a whole preface.

use tokio::io::AsyncReadExt;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_closed_when_the_preface_takes_too_long() {
    let server = Server::with(|config| config.connection.preface_timeout = seconds(7));
    let began = Instant::now();
    let (_peer, end) = server.accept();
    assert_eq!(end.await.unwrap(), CloseReason::PrefaceTimeout);
    assert_eq!(began.elapsed(), seconds(7));
    assert_eq!(server.connections.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_byte_at_a_time_does_not_put_it_off() {
    let server = Server::new();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    tokio::spawn(async move {
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" {
            peer.write(&[*byte]).await;
            tokio::time::sleep(seconds(1)).await;
        }
    });
    assert_eq!(end.await.unwrap(), CloseReason::PrefaceTimeout);
    assert_eq!(began.elapsed(), seconds(10));
}

#[tokio::test(start_paused = true)]
async fn another_protocol_is_closed_at_once() {
    let server = Server::new();
    let began = Instant::now();
    for greeting in ["SSH-2.0-OpenSSH", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame"] {
        let (mut peer, end) = server.accept();
        peer.write(greeting.as_bytes()).await;
        assert_eq!(end.await.unwrap(), CloseReason::Protocol, "{greeting:?}");
    }
    assert_eq!(began.elapsed(), seconds(0));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_greets_in_time_stays() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.greet(&[]).await;
    tokio::time::sleep(seconds(60)).await;
    peer.call(1, "/test/Now").await;
    peer.end_of(1).await;
    drop(peer);
    assert_eq!(end.await.unwrap(), CloseReason::Done);
}

#[tokio::test(start_paused = true)]
async fn tls_to_a_port_without_is_closed_at_once_and_named() {
    let server = Server::new();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.write(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").await;
    let mut said = Vec::new();
    peer.0.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"\x15\x03\x01\0\x02\x02\x46", "a fatal alert, and nothing before it");
    drop(peer);
    assert_eq!(end.await.unwrap(), CloseReason::TlsToPlaintext);
    assert_eq!(began.elapsed(), seconds(0));
}

/// It was given the server's settings for an answer, which browsers show as nothing, or as garbage.
#[tokio::test(start_paused = true)]
async fn http1_is_answered_in_http1_and_named() {
    let server = Server::new();
    let (mut peer, end) = server.accept();
    peer.write(b"GET /metrics HTTP/1.1\r\nhost: localhost:8081\r\n\r\n").await;
    let mut said = String::new();
    peer.0.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 505 "), "{said}");
    assert!(said.contains("speaks gRPC") && said.contains("admin port"), "{said}");
    drop(peer);
    assert_eq!(end.await.unwrap(), CloseReason::Http1);
}

/// The answer is not waited for for ever, and not at all in a drain.
#[tokio::test(start_paused = true)]
async fn a_peer_of_another_protocol_that_does_not_hang_up_is_closed() {
    let server = Server::new();
    let began = Instant::now();
    let (mut peer, end) = server.accept();
    peer.write(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(end.await.unwrap(), CloseReason::Http1);
    assert!(began.elapsed() <= seconds(1), "{:?}", began.elapsed());

    let (mut peer, end) = server.accept();
    server.life.advance(Phase::Draining);
    let drained = Instant::now();
    peer.write(b"GET / HTTP/1.1\r\n\r\n").await;
    end.await.unwrap();
    assert_eq!(drained.elapsed(), seconds(0));
}
