//! Peers that do not mean to shake hands: what they see, what is counted, and that others are served.

use std::collections::BTreeMap;

use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends these bytes and waits until the server hangs up; returns what it said.
async fn until_closed(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may hang up before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut said = Vec::new();
    let _ = wait::for_end("the server to hang up", stream.read_to_end(&mut said)).await;
    said
}

#[tokio::test]
async fn plaintext_and_garbage_are_hung_up_on() {
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    let openings: [(&[u8], &str); 5] = [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "plaintext"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "plaintext"),
        (&[0xff; 4096], "protocol"),
        (&[0; 4096], "protocol"),
        // A record of a handshake that holds none.
        (&[22, 3, 1, 0, 4, 0xff, 0xff, 0xff, 0xff], "protocol"),
    ];
    let mut counts = BTreeMap::<_, u32>::new();
    for (bytes, reason) in openings {
        let said = until_closed(server.address, bytes).await;
        // At most an alert, which is a record of seven bytes.
        assert!(said.is_empty() || (said[0] == 21 && said.len() == 7), "{said:?}");
        let count = counts.entry(reason).or_default();
        *count += 1;
        failed(&server, reason, f64::from(*count)).await;
        goes_on(&server, &pki).await;
    }
}

/// Where a client without TLS calls.
fn plain(server: &Example) -> Endpoint {
    Endpoint::from_shared(format!("http://{}", server.address)).unwrap()
}

#[tokio::test]
async fn a_grpc_client_without_tls_fails_and_the_server_goes_on() {
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    let refused = match plain(&server).connect().await {
        Ok(channel) => {
            GreeterClient::new(channel).say_hello(HelloRequest::default()).await.is_err()
        }
        Err(_) => true,
    };
    assert!(refused);
    some_failed(&server, "plaintext").await;
    goes_on(&server, &pki).await;
}

#[tokio::test]
async fn a_client_of_tls_on_the_port_without_is_hung_up_on() {
    let pki = Pki::new();
    let server = start(Settings::new()).await;
    assert!(connect(server.address, &pki, None).await.is_err());
    if let Some(openssl) = programs::find("openssl") {
        let address = server.address.to_string();
        let said = run(&openssl, ["s_client", "-connect", &address]).await;
        assert!(!said.succeeded);
    }
    let channel = plain(&server).connect().await.unwrap();
    GreeterClient::new(channel).say_hello(HelloRequest::default()).await.unwrap();
}

/// The beginning of a hello, whose record says that more is to come.
pub(super) const HALF_A_HELLO: [u8; 9] = [22, 3, 1, 1, 0, 1, 0, 0, 252];

#[tokio::test]
async fn a_handshake_that_stalls_is_hung_up_on_in_time() {
    let pki = Pki::new();
    let settings = tls("tls", &pki.server("server"));
    let server = start(with(settings, "tls.handshake_timeout", "200ms")).await;
    for (count, half) in (1..).zip([&HALF_A_HELLO[..], &[]]) {
        until_closed(server.address, half).await;
        failed(&server, "timeout", f64::from(count)).await;
    }
    goes_on(&server, &pki).await;
}

/// Those that stall do not hold up others, and the row of each goes with it.
#[tokio::test]
async fn many_handshakes_that_stall_hold_up_nobody() {
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    let mut stalled = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&HALF_A_HELLO).await.unwrap();
        stalled.push(stream);
    }
    goes_on(&server, &pki).await;
    drop(stalled);
    failed(&server, "disconnected", 200.0).await;
    let look = async || server.admin.connections().await.is_empty().then_some(());
    wait::until("no connection", look).await;
}
