//! Handshakes, and how they fail.

use std::{sync::Arc, time::Duration};

use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::Instant,
};
use tokio_rustls::TlsConnector;

use super::{
    pki::{Authority, localhost},
    *,
};
use crate::{
    config::{self, Auto, ClientAuth},
    tls::{Reason, Refused, TlsStream},
};

type Result = std::result::Result<TlsStream<DuplexStream>, Refused>;

/// A handshake of both sides; the client's end is closed when it has failed.
async fn shake(tls: &Tls, client: Arc<ClientConfig>) -> Result {
    let (near, far) = tokio::io::duplex(1 << 16);
    let client = async {
        // Only what comes after a handshake of TLS 1.3 tells the client how it ended.
        let mut stream = TlsConnector::from(client).connect(localhost(), far).await.ok()?;
        let _ = stream.read(&mut [0]).await;
        Some(stream)
    };
    tokio::select! {
        result = tls.handshake(near, "test") => result,
        _ = async { client.await; std::future::pending::<()>().await } => unreachable!(),
    }
}

fn failed(reason: Reason) -> Option<Refused> {
    Some(Refused::Failed(reason))
}

#[tokio::test]
async fn the_protocol_is_h2_or_not_spoken_of() {
    let authority = Authority::new();
    let tls = tls(&Directory::of(&authority.issue(1)));
    for (offered, agreed) in
        [(&["h2"][..], Some(&b"h2"[..])), (&["http/1.1", "h2"], Some(b"h2")), (&[], None)]
    {
        let stream = shake(&tls, authority.client(None, offered)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed, "{offered:?}");
    }
    let other = shake(&tls, authority.client(None, &["http/1.1"])).await;
    assert_eq!(other.err(), failed(Reason::NoApplicationProtocol));
}

#[tokio::test]
async fn a_client_certificate_is_asked_for_by_who_has_an_authority_for_it() {
    let (authority, stranger) = (Authority::new(), Authority::named("a stranger"));
    let (server, good) = (authority.issue(1), authority.issue(2));
    let (unknown, forged) = (stranger.issue(3), Authority::new().issue(3));
    let expired = authority.issue_with(4, |params| {
        params.not_after = rcgen::date_time_ymd(2000, 1, 2);
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    });
    let early = authority.issue_with(5, |params| {
        params.not_before = rcgen::date_time_ymd(3000, 1, 1);
        params.not_after = rcgen::date_time_ymd(3000, 1, 2);
    });
    let directory = Directory::new(&server.cert, &server.key, Some(&authority.pem()));
    for client_auth in
        [Auto::Auto, Auto::Set(ClientAuth::Required), Auto::Set(ClientAuth::Optional)]
    {
        let settings = config::Tls { client_auth, ..directory.settings() };
        let tls = Tls::load(&settings, Port::Service).unwrap().unwrap();
        let client = |issued| authority.client(issued, &["h2"]);
        let stream = shake(&tls, client(Some(&good))).await.unwrap();
        assert_eq!(stream.get_ref().1.peer_certificates().unwrap().len(), 1);
        for (issued, reason) in [
            (&unknown, Reason::ClientCertificateUnknownIssuer),
            (&forged, Reason::ClientCertificateInvalid),
            (&expired, Reason::ClientCertificateExpired),
            (&early, Reason::ClientCertificateInvalid),
        ] {
            assert_eq!(shake(&tls, client(Some(issued))).await.err(), failed(reason));
        }
        let none = shake(&tls, client(None)).await;
        match client_auth {
            Auto::Set(ClientAuth::Optional) => assert!(none.is_ok()),
            _ => assert_eq!(none.err(), failed(Reason::NoClientCertificate)),
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_server_says_so() {
    let tls = tls(&Directory::of(&Authority::new().issue(1)));
    let refused = shake(&tls, Authority::new().client(None, &["h2"])).await;
    assert_eq!(refused.err(), failed(Reason::RefusedByPeer));
}

#[tokio::test]
async fn what_is_no_tls_is_told_by_its_first_bytes() {
    let tls = tls(&Directory::of(&Authority::new().issue(1)));
    for (sent, expected) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused::Failed(Reason::Plaintext)),
        ("GET / HTTP/1.1\r\n\r\n", Refused::Failed(Reason::Plaintext)),
        ("\u{1}\u{2}garbage that is long enough", Refused::Failed(Reason::Protocol)),
        ("\u{16}\u{3}\u{1}\0", Refused::Failed(Reason::Disconnected)),
        ("", Refused::Silent),
    ] {
        let (near, mut far) = tokio::io::duplex(1024);
        far.write_all(sent.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        assert_eq!(tls.handshake(near, "test").await.err(), Some(expected), "{sent:?}");
    }
}

/// At once, not when the peer hangs up.
#[tokio::test(start_paused = true)]
async fn plaintext_is_not_waited_for() {
    let tls = tls(&Directory::of(&Authority::new().issue(1)));
    for sent in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n"] {
        let began = Instant::now();
        let (near, mut far) = tokio::io::duplex(1024);
        far.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(tls.handshake(near, "test").await.err(), failed(Reason::Plaintext));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_takes_no_longer_than_it_may() {
    let directory = Directory::of(&Authority::new().issue(1));
    let mut settings = directory.settings();
    settings.handshake_timeout = Duration::from_secs(7);
    let tls = Tls::load(&settings, Port::Service).unwrap().unwrap();
    for sent in ["", "\u{16}\u{3}\u{1}"] {
        let began = Instant::now();
        let (near, mut far) = tokio::io::duplex(1024);
        far.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(tls.handshake(near, "test").await.err(), failed(Reason::Timeout));
        assert_eq!(began.elapsed(), Duration::from_secs(7));
    }
}
