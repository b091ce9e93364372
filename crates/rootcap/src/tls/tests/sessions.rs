//! Which sessions are resumed.

use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::{
    pki::{Authority, Issued, localhost},
    *,
};

/// A connection on which a byte comes back, and with it what the server has sent for a next time; tells how it began,
/// or that it did not.
async fn connect(tls: &Tls, client: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = async {
        let mut stream = tls.handshake(near, "test").await.ok()?;
        stream.write_all(b"x").await.unwrap();
        stream.flush().await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        let _ = stream.read(&mut [0]).await;
        kind
    };
    let client = async {
        let connector = TlsConnector::from(Arc::clone(client));
        if let Ok(mut stream) = connector.connect(localhost(), far).await {
            let _ = stream.read(&mut [0]).await;
            let _ = stream.shutdown().await;
        }
    };
    tokio::join!(server, client).0
}

#[tokio::test]
async fn without_client_certificates_until_the_files_change() {
    let authority = Authority::new();
    let directory = Directory::of(&authority.issue(1));
    let tls = tls(&directory);
    let client = authority.client(None, &["h2"]);
    assert_eq!(connect(&tls, &client).await, Some(HandshakeKind::Full));
    assert_eq!(connect(&tls, &client).await, Some(HandshakeKind::Resumed));
    let Issued { cert, key } = authority.issue(2);
    directory.swap(&cert, &key, None);
    assert!(tls.look().await);
    assert_eq!(connect(&tls, &client).await, Some(HandshakeKind::Full));
}

/// A client that is to be kept out by a new authority must show its certificate.
#[tokio::test]
async fn with_client_certificates_none() {
    let (authority, next) = (Authority::new(), Authority::new());
    let Issued { cert, key } = authority.issue(1);
    let directory = Directory::new(&cert, &key, Some(&authority.pem()));
    let tls = tls(&directory);
    let client = authority.client(Some(&authority.issue(2)), &["h2"]);
    for _ in 0..3 {
        assert_eq!(connect(&tls, &client).await, Some(HandshakeKind::Full));
    }
    directory.swap(&cert, &key, Some(&next.pem()));
    assert!(tls.look().await);
    assert_eq!(connect(&tls, &client).await, None);
}
