//! After any load, well behaved or not, a server is what it was before: no task, connection, call, file or memory is
//! left over.
//!
//! `TEST_SOAK` says how long the load lasts, in seconds; CI makes it long.

use std::{
    env,
    net::SocketAddr,
    time::{Duration, Instant},
};

use fastrand::Rng;
use futures_util::future::join_all;
use h2::Reason;
use rootcap_proto::{
    helloworld::HelloRequest,
    testing::{ChatRequest, EchoRequest, SleepRequest, StreamRequest},
};
use rootcap_tests::{
    frames::{PREFACE, opening},
    process,
    raw::{self, Raw},
    wait,
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::measured::Measured;

/// How many clients there are.
const CLIENTS: u64 = 24;

/// What may be left of memory: what has grown once, as tables do.
const LEFT: usize = 2 << 20;

/// The round before what counts, in which all that is made once is made.
const WARM_UP: Duration = Duration::from_secs(3);

/// How often to look at what is held, and how long to wait between two looks.
const LOOKS: usize = 10;
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

fn duration() -> Duration {
    let seconds = env::var("TEST_SOAK").map(|text| text.parse().expect("TEST_SOAK is in seconds"));
    Duration::from_secs(seconds.unwrap_or(5))
}

/// What a server holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    tasks: usize,
    files: usize,
    heap: usize,
    /// For whoever reads the output: what the allocator keeps for later is in it.
    #[allow(dead_code, reason = "it is printed")]
    resident: u64,
}

impl Held {
    /// The lower of each.
    fn least(self, other: Self) -> Self {
        Self {
            tasks: self.tasks.min(other.tasks),
            files: self.files.min(other.files),
            heap: self.heap.min(other.heap),
            resident: self.resident.min(other.resident),
        }
    }
}

/// The server under load.
struct Server(Measured);

impl Server {
    async fn start() -> Self {
        // On a machine with much else to do a poll may take long by itself: what reads its stack is then kept.
        let settings = [
            ("ROOTCAP_LOG__CALLS", "off"),
            ("ROOTCAP_LOG__FILTER", "off"),
            ("ROOTCAP_DEBUG__STALL_THRESHOLD", "off"),
        ];
        Self(Measured::start(&settings).await)
    }

    /// What it holds when nothing is left that ends by itself.
    async fn idle(&self) -> Held {
        self.0.example.admin.at_rest().await;
        wait::until("no connection to be left", async || {
            self.0.example.admin.connections().await.is_empty().then_some(())
        })
        .await;
        // What asks is itself a connection, and a task may end a moment after its connection: these are in some looks.
        // What is left over is in all.
        let mut least = self.held().await;
        for _ in 1..LOOKS {
            tokio::time::sleep(LOOK_INTERVAL).await;
            least = least.least(self.held().await);
        }
        least
    }

    async fn held(&self) -> Held {
        // First: whoever has just asked over a connection still finds it among the files.
        let files = process::open_files(self.0.example.pid());
        let metrics = self.0.example.admin.metrics().await;
        Held {
            tasks: metrics.sum("rootcap_runtime_alive_tasks", &[]) as usize,
            files,
            heap: self.0.heap().await.in_use,
            resident: process::resident(self.0.example.pid()),
        }
    }
}

/// What a client does next, until the end.
async fn client(address: SocketAddr, seed: u64, end: Instant) -> u64 {
    let mut rng = Rng::with_seed(seed);
    let mut visits = 0;
    while Instant::now() < end {
        match rng.u32(0..10) {
            0 => not_http2(address, &mut rng).await,
            1 => half_open(address).await,
            _ => wait::for_end("a visit", visit(address, &mut rng)).await,
        }
        visits += 1;
    }
    visits
}

/// Says something that is no preface, or a part of it, and goes.
async fn not_http2(address: SocketAddr, rng: &mut Rng) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = rng.usize(0..PREFACE.len());
    let garbage: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
    let text = if rng.bool() { &PREFACE[..length] } else { &garbage };
    let _ = stream.write_all(text).await;
    leave(&stream, rng);
}

/// Says that it will send no more, and waits for the server.
async fn half_open(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&opening(&[])).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut sink = tokio::io::sink();
    let rest = tokio::io::copy(&mut stream, &mut sink);
    let _ = wait::for_end("the end of a half-closed connection", rest).await;
}

/// Closes in an orderly manner, or by a reset.
fn leave(stream: &TcpStream, rng: &mut Rng) {
    if rng.bool() {
        stream.set_zero_linger().unwrap();
    }
}

/// A connection with calls that end well, are given up, or are cut off with their connection.
async fn visit(address: SocketAddr, rng: &mut Rng) {
    let tcp = TcpStream::connect(address).await.unwrap();
    leave(&tcp, rng);
    let raw = Raw::over(tcp, &h2::client::Builder::new()).await;
    for _ in 0..rng.u32(1..20) {
        match rng.u32(0..7) {
            0 => {
                let request = HelloRequest { name: "soak".into() };
                answered(&raw, "helloworld.Greeter/SayHello", raw::message(&request)).await;
            }
            1 => {
                let request = EchoRequest { payload: vec![0; rng.usize(0..100_000)].into() };
                answered(&raw, "rootcap.testing.Faults/Echo", raw::message(&request)).await;
            }
            2 => {
                let (count, size) = (rng.u32(0..100), rng.u32(0..10_000));
                let request = StreamRequest { count, size, interval_millis: rng.u32(0..2) };
                answered(&raw, "rootcap.testing.Faults/Stream", raw::message(&request)).await;
            }
            3 => chat(&raw, rng).await,
            4 => given_up(&raw, rng).await,
            5 => read_slowly(&raw, rng).await,
            _ => {
                let head = raw.head("/rootcap.testing.Faults/Sleep");
                raw.abandon(head).await;
            }
        }
    }
}

async fn answered(raw: &Raw, method: &str, message: bytes::Bytes) {
    let ended = raw.call(raw.head(&format!("/{method}")), message).await.unwrap();
    assert_eq!(ended.grpc_status(), "0", "{method}: {}", ended.grpc_message());
}

/// Sends and reads by turns, and then ends, or does not.
async fn chat(raw: &Raw, rng: &mut Rng) {
    let (mut requests, response) = raw.open(raw.head("/rootcap.testing.Faults/Chat")).await;
    let message = raw::message(&ChatRequest { payload: vec![0; rng.usize(0..1_000)].into() });
    requests.send_data(message.clone(), false).unwrap();
    let mut replies = response.await.unwrap().into_body();
    for _ in 0..rng.u32(0..10) {
        replies.data().await.unwrap().unwrap();
        requests.send_data(message.clone(), false).unwrap();
    }
    if rng.bool() {
        requests.send_data(bytes::Bytes::new(), true).unwrap();
        while replies.data().await.is_some() {}
    }
}

/// Takes a large answer in small parts with pauses, and gives it up when it has had enough.
async fn read_slowly(raw: &Raw, rng: &mut Rng) {
    let request = StreamRequest { count: 20, size: 100_000, interval_millis: 0 };
    let head = raw.head("/rootcap.testing.Faults/Stream");
    let mut body = raw.begin(head, raw::message(&request)).await.unwrap().into_body();
    for _ in 0..rng.u32(0..50) {
        let Some(data) = body.data().await else { break };
        let length = data.unwrap().len();
        tokio::time::sleep(Duration::from_millis(1)).await;
        body.flow_control().release_capacity(length).unwrap();
    }
}

/// Begins a call that takes long, and resets it, or leaves it to the end of its connection.
async fn given_up(raw: &Raw, rng: &mut Rng) {
    let (mut requests, response) = raw.open(raw.head("/rootcap.testing.Faults/Sleep")).await;
    let message = raw::message(&SleepRequest { millis: 600_000 });
    requests.send_data(message, true).unwrap();
    if rng.bool() {
        requests.send_reset(Reason::CANCEL);
        let _ = response.await;
    }
}

async fn load(server: &Server, seed: u64, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let clients = (0..CLIENTS).map(|number| client(server.0.example.address, seed + number, end));
    join_all(clients.map(tokio::spawn)).await.into_iter().map(Result::unwrap).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_what_it_was_before_the_load() {
    let server = Server::start().await;
    load(&server, 1, WARM_UP).await;
    let before = server.idle().await;
    let visits = load(&server, 1_000, duration()).await;
    let after = server.idle().await;
    println!("{visits} connections; before: {before:?}; after: {after:?}");
    assert_eq!(after.tasks, before.tasks);
    assert_eq!(after.files, before.files);
    assert!(after.heap <= before.heap + LEFT, "before: {before:?}; after: {after:?}");
}
