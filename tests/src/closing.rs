//! Why connections end: each end that is not the peer's own wish has a reason, in a counter and in a line of the log.

use std::net::SocketAddr;

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, frames::Frames, programs, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

const CLOSED: &str = "rootcap_connections_closed_total";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Says this and reads to the end.
async fn said_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut said = Vec::new();
    wait::for_end("the server to hang up", stream.read_to_end(&mut said)).await.unwrap();
    said
}

/// Waits until so many connections have ended for this reason, and for the line that tells of the first of them.
async fn told(server: &Example, reason: &str, count: f64) -> String {
    server.admin.until(CLOSED, &[("reason", reason)], count).await;
    let field = format!("\"reason\":\"{reason}\"");
    let line = server.line(reason, |line| line.contains(&field)).await;
    assert!(line.contains("\"peer.address\":\"127.0.0.1:"), "{line}");
    line
}

async fn goes_on(server: &Example) {
    let address = format!("http://{}", server.address);
    let mut greeter = GreeterClient::connect(address).await.unwrap();
    greeter.say_hello(HelloRequest::default()).await.unwrap();
}

/// A browser showed nothing, and curl spoke of HTTP/0.9.
#[tokio::test]
async fn http1_is_answered_in_words() {
    let server = Example::start("greeter", &[]).await;
    let big = [b"POST /upload HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), &[b'x'; 20_000]].concat();
    for request in
        [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(), b"PUT /a HTTP/1.0\r\n\r\n", &big]
    {
        let said = String::from_utf8(said_to(server.address, request).await).unwrap();
        assert!(said.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"), "{said}");
        assert!(said.contains("This port speaks gRPC") && said.contains("admin port"), "{said}");
    }
    let line = told(&server, "http1", 3.0).await;
    assert!(line.contains("\"level\":\"WARN\"") && line.contains("\"closed\":1"), "{line}");
    let lines = server.lines();
    let lines = lines.iter().filter(|line| line.contains("\"reason\":\"http1\"")).count();
    assert_eq!(lines, 1, "three connections, one line");
    goes_on(&server).await;
}

#[tokio::test]
async fn curl_shows_the_answer() {
    let Some(curl) = programs::find("curl") else { return };
    let server = Example::start("greeter", &[]).await;
    let url = format!("http://{}/", server.address);
    for more in [&["--silent"][..], &["--silent", "--data", "x=1"], &["--silent", "--http1.0"]] {
        let output = Command::new(&curl).args(more).arg(&url).output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("This port speaks gRPC"), "{output:?}");
    }
    // It knows HTTP/2, if it is told beforehand.
    let args = ["--silent", "--http2-prior-knowledge", "--output", "-", "-w", "%{http_version}"];
    let output = Command::new(&curl).args(args).arg(&url).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2", "{output:?}");
}

#[tokio::test]
async fn tls_to_a_port_without_hears_an_alert() {
    let server = Example::start("greeter", &[]).await;
    let hello =
        [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03][..], &[7; 506]];
    let said = said_to(server.address, &hello.concat()).await;
    assert_eq!(said, [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]);
    let line = told(&server, "tls_to_plaintext", 1.0).await;
    assert!(line.contains("tls.cert"), "{line}");
    if let Some(openssl) = programs::find("openssl") {
        let address = server.address.to_string();
        let mut command = Command::new(openssl);
        command.args(["s_client", "-connect", &address]).stdin(std::process::Stdio::null());
        let output = wait::for_end("openssl", command.output()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("alert protocol version"), "{said}");
    }
    goes_on(&server).await;
}

#[tokio::test]
async fn garbage_is_an_error_of_the_protocol() {
    let server = Example::start("greeter", &[]).await;
    let nasty: [&[u8]; 4] = [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        &[0; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame of settings",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x04\0\0\0\0\0\x00data",
    ];
    for (count, bytes) in (1..).zip(nasty) {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut said = Vec::new();
        // With bytes unread it may reset.
        let _ = wait::for_end("the end", stream.read_to_end(&mut said)).await;
        server.admin.until(CLOSED, &[("reason", "protocol")], f64::from(count)).await;
    }
    let line = told(&server, "protocol", 4.0).await;
    assert!(
        line.contains("\"level\":\"WARN\"") && line.contains("protocol error detected"),
        "{line}"
    );
    goes_on(&server).await;
}

#[tokio::test]
async fn a_flood_of_resets_is_named_and_h2_adds_nothing() {
    let server = Example::start("greeter", &[]).await;
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = PREFACE.to_vec();
    for stream in (1_u32..).step_by(2).take(200) {
        // :method POST, :scheme http, :path /, and a reset at once.
        bytes.extend([0, 0, 3, 1, 4]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend([0x83, 0x86, 0x84]);
        bytes.extend([0, 0, 4, 3, 0]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(8_u32.to_be_bytes());
    }
    peer.write_all(&bytes).await.unwrap();
    let mut said = Vec::new();
    let _ = wait::for_end("the end", peer.read_to_end(&mut said)).await;
    let line = told(&server, "enhance_your_calm", 1.0).await;
    assert!(line.contains("excessive load"), "{line}");
    goes_on(&server).await;
    assert!(
        !server.lines().iter().any(|line| line.contains("\"target\":\"h2")),
        "{:?}",
        server.lines()
    );
}

#[tokio::test]
async fn silence_is_named() {
    let settings = [
        ("ROOTCAP_CONNECTION__PREFACE_TIMEOUT", "100ms"),
        ("ROOTCAP_CONNECTION__KEEPALIVE_INTERVAL", "300ms"),
        ("ROOTCAP_CONNECTION__KEEPALIVE_TIMEOUT", "100ms"),
    ];
    let server = Example::start("greeter", &settings).await;
    assert!(said_to(server.address, b"").await.is_empty());
    let line = told(&server, "preface_timeout", 1.0).await;
    assert!(line.contains("connection.preface_timeout"), "{line}");
    // The preface, and no word any more: not even to a ping.
    said_to(server.address, PREFACE).await;
    let line = told(&server, "keepalive_timeout", 1.0).await;
    assert!(line.contains("\"level\":\"INFO\""), "{line}");
}

/// Who is asked to go and goes is not worth a line; who stays is.
#[tokio::test]
async fn to_be_cut_is_told_and_to_go_is_not() {
    let settings = [
        ("ROOTCAP_CONNECTION__IDLE_TIMEOUT", "100ms"),
        ("ROOTCAP_CONNECTION__MAX_AGE_GRACE", "100ms"),
    ];
    let server = Example::start("greeter", &settings).await;
    goes_on(&server).await;
    server.admin.until(CLOSED, &[], 1.0).await;
    let named = |line: &String| line.contains("\"reason\":\"idle\"");
    assert!(!server.lines().iter().any(named), "{:?}", server.lines());
    let gone = server.admin.metrics().await.sum(CLOSED, &[("reason", "idle")]);
    said_to(server.address, PREFACE).await;
    let line = told(&server, "idle", gone + 1.0).await;
    assert!(line.contains("\"level\":\"INFO\"") && line.contains("stayed"), "{line}");
}

#[tokio::test]
async fn who_comes_and_goes_is_not_told_of() {
    let server = Example::start("greeter", &[]).await;
    drop(TcpStream::connect(server.address).await.unwrap());
    goes_on(&server).await;
    server.admin.until(CLOSED, &[], 2.0).await;
    let lines = server.lines();
    assert!(!lines.iter().any(|line| line.contains("\"reason\":")), "{lines:?}");
}

/// gRFC A8: hyper answers pings by itself, so that such a peer can be shown and not sent away.
#[tokio::test]
async fn pings_that_come_too_often_are_counted_and_shown() {
    let server = Example::start("greeter", &[]).await;
    let mut peer = Frames::connect(server.address).await;
    for _ in 0..10 {
        assert!(peer.answers().await);
    }
    let rows = server.admin.connections().await;
    let (pings, excess) = (&rows[0]["Pings"], rows[0]["ExcessPings"].as_f64().unwrap());
    // The first one and two more may be, and those around the server's word that it knows the peer's settings.
    assert!(*pings == 10 && (6.0..=7.0).contains(&excess), "{rows:?}");
    let metrics = server.admin.metrics().await;
    assert_eq!(metrics.sum("rootcap_connection_pings_total", &[]), 10.0);
    assert_eq!(metrics.sum("rootcap_connection_excess_pings_total", &[]), excess);
    goes_on(&server).await;
}
