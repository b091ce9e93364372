//! What a hostile caller sends harms nobody: the server goes on, and its metrics stay readable.

use bytes::Bytes;
use rootcap::{Running, config::Size};
use rootcap_proto::{helloworld::HelloRequest, testing::EchoRequest};
use rootcap_tests::{
    admin::Admin,
    frames::Frames,
    raw::Raw,
    server::{faults, greeter, services, start, without_descriptors},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

const NASTY: [&[u8]; 9] = [
    b"\x1b[31m\x1b]0;title\x07",
    b"\xff\xfe\x80\xc3(",
    b"line\nbreak\r\nforged: yes",
    b"nul\0nul",
    b"\"} 1\nforged_total 7\n",
    b"\\u001b\\n%00%ff%1b",
    b"",
    b"   ",
    "\u{202e}\u{2028}\u{feff}".as_bytes(),
];

/// The server serves, and what it shows of itself is whole.
async fn is_well(server: &Running, before: &[String]) {
    greeter(server).await.say_hello(HelloRequest::default()).await.unwrap();
    let metrics = Admin::of(server).at_rest().await;
    let series = metrics.series("grpc_").into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(series, before);
    assert!(metrics.series("forged").is_empty());
    Admin::of(server).connections().await;
}

/// The series of calls, once each method that is called here is known.
async fn series(server: &Running) -> Vec<String> {
    faults(server).await.echo(EchoRequest::default()).await.unwrap();
    greeter(server).await.say_hello(HelloRequest::default()).await.unwrap();
    let metrics = Admin::of(server).at_rest().await;
    metrics.series("grpc_").into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn bytes_that_no_client_sends_in_paths_and_metadata() {
    let names: [&[u8]; 6] = [
        b"user-agent",
        b"x-request-id",
        b"traceparent",
        b"grpc-timeout",
        b"grpc-encoding",
        b"x-any",
    ];
    for server in [start(|_| {}).await, without_descriptors().start(services()).await.unwrap()] {
        let before = series(&server).await;
        for nasty in NASTY {
            let prefixes: [&[u8]; 4] =
                [b"", b"/", b"/helloworld.Greeter/", b"/rootcap.testing.Faults/Echo?"];
            for prefix in prefixes {
                let mut frames = Frames::connect(server.local_addr()).await;
                frames.call(1, &[prefix, nasty].concat(), (b"x-any", b"any")).await;
                frames.answers().await;
            }
            for name in names {
                let mut frames = Frames::connect(server.local_addr()).await;
                frames.call(1, b"/helloworld.Greeter/SayHello", (name, nasty)).await;
                frames.answers().await;
            }
        }
        is_well(&server, &before).await;
    }
}

#[tokio::test]
async fn a_header_that_is_no_header() {
    let server = start(|_| {}).await;
    let before = series(&server).await;
    for nasty in NASTY {
        let mut frames = Frames::connect(server.local_addr()).await;
        frames.call(1, b"/helloworld.Greeter/SayHello", (nasty, b"value")).await;
        frames.answers().await;
    }
    let mut frames = Frames::connect(server.local_addr()).await;
    frames.request(1, &[(b":method", b"CONNECT"), (b":authority", b"there:1")]).await;
    frames.request(3, &[(b":method", b"GET")]).await;
    frames.request(5, &[]).await;
    frames.answers().await;
    is_well(&server, &before).await;
}

#[tokio::test]
async fn a_path_of_16_kib() {
    let roomy = |settings: &mut rootcap::config::Config| {
        settings.http2.max_header_list_size = Size::kib(64)
    };
    let path = "/".to_owned() + &"a".repeat(16 * 1024);
    for method in ["", "/helloworld.Greeter"] {
        let path = method.to_owned() + &path;
        let server = start(roomy).await;
        let before = series(&server).await;
        let raw = Raw::connect(server.local_addr()).await;
        let ended = raw.call(raw.head(&path), Bytes::new()).await.unwrap();
        assert_eq!(ended.grpc_status(), "12");
        assert!(ended.grpc_message().len() < 2_000, "what is told back is cut");
        is_well(&server, &before).await;

        let server = start(|_| {}).await;
        let before = series(&server).await;
        let mut frames = Frames::connect(server.local_addr()).await;
        frames.call(1, path.as_bytes(), (b"x-any", b"any")).await;
        frames.answers().await;
        is_well(&server, &before).await;
    }
}

#[tokio::test]
async fn requests_that_are_no_grpc() {
    let server = start(|_| {}).await;
    let before = series(&server).await;
    let raw = Raw::connect(server.local_addr()).await;
    for method in [http::Method::GET, http::Method::PUT, http::Method::OPTIONS] {
        let head = raw.head("/helloworld.Greeter/SayHello").method(method);
        let _ = raw.call(head, Bytes::new()).await;
    }
    let head =
        http::Request::post(format!("http://{}/helloworld.Greeter/SayHello", server.local_addr()));
    let _ = raw.call(head.header("content-type", "text/html"), Bytes::from_static(b"<html>")).await;
    is_well(&server, &before).await;
}

#[tokio::test]
async fn messages_that_are_none() {
    let server = start(|_| {}).await;
    let before = series(&server).await;
    let raw = Raw::connect(server.local_addr()).await;
    let messages: [(&[u8], &str); 7] = [
        // The name is not UTF-8.
        (b"\0\0\0\0\x04\x0a\x02\xff\xfe", "13"),
        // Field 0, and a length beyond the end.
        (b"\0\0\0\0\x01\x02", "13"),
        (b"\0\0\0\0\x02\x0a\x7f", "13"),
        // Compressed, with nothing said about how.
        (b"\x01\0\0\0\x01\x00", "13"),
        // A flag that is neither.
        (b"\x07\0\0\0\x01\x00", "13"),
        // 16 MiB are announced, more than the decoder takes.
        (b"\0\x01\0\0\0\x0a", "11"),
        // 4 GiB are announced, more than all requests together may hold.
        (b"\0\xff\xff\xff\xff\x0a", "8"),
    ];
    for (message, expected) in messages {
        let head = raw.head("/helloworld.Greeter/SayHello");
        let ended = raw.call(head, Bytes::from_static(message)).await.unwrap();
        assert_eq!(ended.grpc_status(), expected, "{message:?}: {}", ended.grpc_message());
    }
    is_well(&server, &before).await;
}

#[tokio::test]
async fn connections_that_are_no_http2() {
    let server = start(|_| {}).await;
    let before = series(&server).await;
    for nasty in [
        &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        &[0; 4_096],
        b"P",
    ] {
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let _ = stream.write_all(nasty).await;
    }
    is_well(&server, &before).await;
}
