//! Connections that never come to a call: they are gone when their time is up, and cost nobody else anything.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, pki::Pki, wait};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// The ten seconds that a preface or a handshake may take, and one.
const GONE: Duration = Duration::from_secs(11);
/// What a server may hold more, once they are gone.
const MOST_KIB: u64 = 20 * 1024;

const CLOSED: &str = "rootcap_connections_closed_total";

/// The memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// An honest client, which calls all the while.
struct Honest {
    ended: Arc<AtomicBool>,
    calls: JoinHandle<u64>,
}

impl Honest {
    async fn begin(channel: Channel) -> Self {
        let mut greeter = GreeterClient::new(channel);
        // The server has its memory for calls before anything is measured.
        for _ in 0..100 {
            greeter.say_hello(HelloRequest::default()).await.unwrap();
        }
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        let calls = tokio::spawn(async move {
            let mut calls = 0;
            while !until.load(Relaxed) {
                greeter.say_hello(HelloRequest::default()).await.expect("no call is lost");
                calls += 1;
            }
            calls
        });
        Self { ended, calls }
    }

    /// No call of it failed, and it was served all the while.
    async fn lost_nothing(self) {
        self.ended.store(true, Relaxed);
        let calls = wait::for_end("the honest client", self.calls).await.unwrap();
        assert!(calls > 100, "{calls} calls in ten seconds");
    }
}

/// Opens connections, each of which begins with these bytes.
async fn open(address: SocketAddr, count: usize, begin: &[u8]) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begin).await.unwrap();
        open.push(stream);
    }
    open
}

/// Waits until the server has ended so many connections for this reason; from now on it has [`GONE`].
async fn all_gone(server: &Example, reason: &str, count: usize) {
    let (_, took) = wait::until("the end of all of them", async || {
        let closed = server.admin.metrics().await.sum(CLOSED, &[("reason", reason)]);
        (closed == count as f64).then_some(())
    })
    .await;
    assert!(took <= GONE, "{count} connections, {reason}: {took:?}");
}

/// Five thousand sockets that say nothing held a server of tonic's for ever.
#[tokio::test]
async fn five_thousand_silent_connections_are_gone_after_ten_seconds() {
    const COUNT: usize = 5_000;
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let settings =
        [("ROOTCAP_CONNECTION__MAX_CONNECTIONS", "10000"), ("ROOTCAP_LOG__CALLS", "off")];
    let server = Example::start("greeter", &settings).await;
    let address = format!("http://{}", server.address);
    let honest = Honest::begin(Endpoint::from_shared(address).unwrap().connect().await.unwrap());
    let honest = honest.await;
    let before = resident(server.pid());
    let mut silent = open(server.address, COUNT, b"").await;
    let opened = Instant::now();
    all_gone(&server, "preface_timeout", COUNT).await;
    assert!(opened.elapsed() > Duration::from_secs(5), "they have their time");
    for stream in &mut silent {
        let ended = wait::for_end("the end", stream.read(&mut [0; 1])).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
    assert_eq!(server.admin.connections().await.len(), 1, "the honest client's");
    let more = resident(server.pid()).saturating_sub(before);
    assert!(more <= MOST_KIB, "{before} KiB, and {more} KiB more");
    honest.lost_nothing().await;
}

/// The beginning of a hello, whose record says that more is to come.
const HALF_A_HELLO: [u8; 9] = [22, 3, 1, 1, 0, 1, 0, 0, 252];

#[tokio::test]
async fn five_hundred_half_handshakes_are_gone_after_ten_seconds() {
    const COUNT: usize = 500;
    let pki = Pki::new();
    let cert = pki.server("server");
    let settings = [
        ("ROOTCAP_TLS__CERT", cert.cert.to_str().unwrap()),
        ("ROOTCAP_TLS__KEY", cert.key.to_str().unwrap()),
        ("ROOTCAP_CONNECTION__MAX_CONNECTIONS", "10000"),
        ("ROOTCAP_LOG__CALLS", "off"),
    ];
    let server = Example::start("greeter", &settings).await;
    let trusted = Certificate::from_pem(fs::read(pki.ca()).unwrap());
    let tls = ClientTlsConfig::new().ca_certificate(trusted).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address)).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let honest = Honest::begin(channel).await;
    let before = resident(server.pid());
    let _half = open(server.address, COUNT, &HALF_A_HELLO).await;
    all_gone(&server, "handshake_timeout", COUNT).await;
    let more = resident(server.pid()).saturating_sub(before);
    assert!(more <= MOST_KIB, "{before} KiB, and {more} KiB more");
    honest.lost_nothing().await;
}

/// A byte now and then is no reason to wait longer.
#[tokio::test]
async fn a_preface_that_comes_byte_by_byte_is_not_waited_for() {
    let server = Example::start("greeter", &[]).await;
    let began = Instant::now();
    let (mut read, mut write) = TcpStream::connect(server.address).await.unwrap().into_split();
    let writes = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(600));
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" {
            pace.tick().await;
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
    });
    let mut said = Vec::new();
    let _ = wait::for_end("the end", read.read_to_end(&mut said)).await;
    let took = began.elapsed();
    assert!((Duration::from_secs(9)..GONE).contains(&took), "{took:?}");
    server.admin.until(CLOSED, &[("reason", "preface_timeout")], 1.0).await;
    writes.abort();
}
