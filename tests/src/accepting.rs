//! How many connections are let in: caps, the places that are kept for health, and what happens without descriptors.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::StatusCode;
use rlimit::Resource;
use rootcap::config::{Auto, Config};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    admin::Admin,
    example::Example,
    programs,
    server::{endpoint, start},
    wait,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const ERRORS: &str = "rootcap_accept_errors_total";
const SERVING: i32 = 1;
/// More than the eight that are let in for health beside.
const CAP: usize = 32;

/// So many connections that say nothing.
async fn silent(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..count {
        open.push(TcpStream::connect(address).await.unwrap());
    }
    open
}

/// So many connections with a preface and a call that has ended.
async fn channels(address: SocketAddr, count: usize) -> Vec<Channel> {
    let mut open = Vec::new();
    for _ in 0..count {
        let channel = endpoint_of(address).connect().await.unwrap();
        hello(channel.clone()).await.unwrap();
        open.push(channel);
    }
    open
}

fn endpoint_of(address: SocketAddr) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}")).unwrap()
}

async fn hello(channel: Channel) -> Result<(), Status> {
    GreeterClient::new(channel).say_hello(HelloRequest::default()).await.map(drop)
}

/// One probe, over a connection of its own.
async fn probe(address: SocketAddr) -> Option<i32> {
    let channel = endpoint_of(address).connect().await.ok()?;
    let checked = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    Some(checked.ok()?.into_inner().status)
}

/// The example `greeter` with this cap, in a process of its own, whose counters are its own too.
async fn capped() -> Example {
    Example::start("greeter", &[("ROOTCAP_CONNECTION__MAX_CONNECTIONS", &CAP.to_string())]).await
}

/// Whoever holds all connections that there may be gets the process killed, if its probe is refused with the others.
#[tokio::test]
async fn at_the_cap_health_is_still_answered_and_nothing_else() {
    let server = capped().await;
    let mut open = channels(server.address, CAP).await;
    assert_eq!(probe(server.address).await, Some(SERVING));

    let channel = endpoint_of(server.address).connect().await.unwrap();
    let refused = hello(channel.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("connection.max_connections"), "{refused}");
    let mut health = HealthClient::new(channel);
    let status = health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status;
    assert_eq!(status, SERVING, "health on the same connection");

    let rows = server.admin.connections().await;
    let of_health = rows.iter().filter(|row| row["HealthOnly"] == true).count();
    assert_eq!((rows.len() - of_health, of_health >= 1), (CAP, true), "{rows:?}");
    let metrics = server.admin.metrics().await;
    assert!(metrics.sum("rootcap_connections_health_only_total", &[]) >= 2.0);
    assert_eq!(metrics.sum("rootcap_rejected_total", &[("policy", "health_only")]), 1.0);
    let line = |line: &str| line.contains("answering health on the last ones");
    server.line("the line of the cap", line).await;
    let line = |line: &str| line.contains("\"rejected_by\":\"health_only\"");
    server.line("the line of the call", line).await;

    // A place is free: the next connection is one like all others.
    drop(open.pop());
    wait::until("an ordinary connection", async || {
        let channel = endpoint_of(server.address).connect().await.ok()?;
        hello(channel).await.ok()
    })
    .await;
}

#[tokio::test]
async fn at_the_cap_grpcios_probe_is_answered() {
    let Some(python) = programs::python() else { return };
    let server = capped().await;
    let _open = channels(server.address, CAP).await;
    let probe = "import sys, grpc; from grpc_health.v1 import health_pb2, health_pb2_grpc as h\n\
        stub = h.HealthStub(grpc.insecure_channel(sys.argv[1]))\n\
        print(stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status)";
    let address = server.address.to_string();
    let output = Command::new(python).args(["-c", probe, &address]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1", "{output:?}");
}

/// Silent ones are asked for a preface within a second, so that they cannot hold what is left for health.
#[tokio::test]
async fn a_flood_of_silent_connections_does_not_hold_the_places_of_health() {
    let server = capped().await;
    let _flood = silent(server.address, 200).await;
    wait::until("the flood to have been refused", async || {
        let metrics = server.admin.metrics().await;
        let refused = metrics.sum("rootcap_connections_refused_total", &[]);
        (refused == (200 - CAP - 8) as f64).then_some(())
    })
    .await;
    let answered = async || probe(server.address).await.filter(|status| *status == SERVING);
    let (_, took) = wait::until("a probe to be answered", answered).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
}

/// One that has spoken is asked to go after three seconds without a call, and has one second to do so.
#[tokio::test]
async fn a_connection_for_health_is_not_held() {
    let server = capped().await;
    let _open = channels(server.address, CAP).await;
    let mut peer = TcpStream::connect(server.address).await.unwrap();
    let began = Instant::now();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    peer.write_all(preface).await.unwrap();
    let mut said = Vec::new();
    wait::for_end("the end of an idle connection", peer.read_to_end(&mut said)).await.unwrap();
    let took = began.elapsed();
    assert!((3_000..7_000).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let settings = [("ROOTCAP_CONNECTION__MAX_PER_PEER", "3")];
    let server = Example::start("greeter", &settings).await;
    let mut open = channels(server.address, 3).await;
    let mut fourth = TcpStream::connect(server.address).await.unwrap();
    let ended = wait::for_end("the fourth to be closed", fourth.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    let refused = [("reason", "max_per_peer")];
    server.admin.until("rootcap_connections_refused_total", &refused, 1.0).await;
    let line = |line: &str| line.contains("\"reason\":\"max_per_peer\"");
    let line = server.line("the line of the refusal", line).await;
    assert!(line.contains("127.0.0.1:") && line.contains("\"max\":3"), "{line}");
    drop(open.pop());
    wait::until("a place", async || {
        hello(endpoint_of(server.address).connect().await.ok()?).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_cap_per_address_is_off_by_default_and_one_of_none_is_a_mistake() {
    let server = start(|_| {}).await;
    let _open = channels(server.local_addr(), 100).await;
    let error = crate::refusing::failure(&[("ROOTCAP_CONNECTION__MAX_PER_PEER", "0")]).await;
    assert!(error.contains("connection.max_per_peer") && error.contains("\"off\""), "{error}");
}

#[tokio::test]
async fn the_cap_is_half_of_the_descriptors_and_says_so() {
    let server = start(|_| {}).await;
    let limit = Resource::NOFILE.get_soft().unwrap();
    let shown = config_line(&Admin::of(&server), "connection.max_connections").await;
    let half = (limit / 2).min(10_000);
    assert!(shown.contains(&format!("\"auto\" ({half}: ")), "{shown}");
    assert!(shown.contains(&format!("the limit of {limit} open files")), "{shown}");

    let server = start(|settings: &mut Config| {
        settings.connection.max_connections = Auto::Set(7);
    })
    .await;
    let shown = config_line(&Admin::of(&server), "connection.max_connections").await;
    assert!(shown.contains(" 7 ") && shown.contains("builder"), "{shown}");
}

/// Every limit that is finite by default, and why it is what it is.
#[tokio::test]
async fn every_limit_of_a_connection_is_shown_with_its_source_and_reason() {
    let server = start(|_| {}).await;
    let (_, text) = Admin::of(&server).get("/debug/config").await;
    let squeezed: Vec<_> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for (key, value) in [
        ("connection.max_per_peer", "\"off\""),
        ("http2.max_concurrent_streams", "200"),
        ("http2.max_pending_accept_reset_streams", "20"),
        ("http2.max_local_error_reset_streams", "1024"),
        ("http2.max_header_list_size", "\"16KiB\""),
        ("http2.max_frame_size", "\"16KiB\""),
        ("http2.max_send_buffer_size", "\"400KiB\""),
        ("connection.preface_timeout", "\"10s\""),
        ("connection.idle_timeout", "\"1h\""),
        ("connection.keepalive_interval", "\"2h\""),
        ("connection.keepalive_timeout", "\"20s\""),
        ("connection.max_age", "\"off\""),
        ("connection.max_age_grace", "\"30s\""),
    ] {
        let begin = format!("{key} {value} default ");
        let line = squeezed.iter().find(|line| line.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("no {begin:?} in {text}"));
        assert!(line.len() > begin.len() + 20, "{line}");
    }
    for key in ["http2.stream_window", "http2.connection_window"] {
        assert!(squeezed.iter().any(|line| line.starts_with(&format!("{key} \""))), "{text}");
    }
}

async fn config_line(admin: &Admin, key: &str) -> String {
    let (status, text) = admin.get("/debug/config").await;
    assert_eq!(status, StatusCode::OK);
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Leaves a process as many descriptors as it has open, and a few at most; gives the limit that it had.
fn exhaust(pid: u32) -> (u64, u64) {
    // Some have high numbers, or there are gaps: what is connected next fills these.
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
    let (mut soft, mut hard) = (0, 0);
    let pid = pid.try_into().unwrap();
    rlimit::prlimit(pid, Resource::NOFILE, None, Some((&mut soft, &mut hard))).unwrap();
    rlimit::prlimit(pid, Resource::NOFILE, Some((open, hard)), None).unwrap();
    (soft, hard)
}

/// The processor time that a process has used.
fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = after_name.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // A tick is 10 ms wherever tests run.
    Duration::from_millis(ticks * 10)
}

/// Out of descriptors, by whatever took them: the accept loop span at full speed and said nothing in servers before, and
/// nobody could look.
#[tokio::test]
async fn without_descriptors_the_admin_port_answers_and_the_service_port_waits() {
    let server = Example::start("greeter", &[]).await;
    let open = channels(server.address, 1).await;
    let (soft, hard) = exhaust(server.pid());
    // In the queue of the listener, where they wait.
    let waiting = silent(server.address, 30).await;
    let failing = |line: &str| line.contains("cannot accept connections");
    server.line("the line of the failure", failing).await;
    let (began, cpu) = (Instant::now(), cpu_time(server.pid()));
    let before = server.admin.metrics().await.sum(ERRORS, &[]);
    // What it does in three seconds, and not what it takes them for.
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..4 {
        seconds.tick().await;
        assert_eq!(server.admin.status("/livez").await, StatusCode::OK);
    }
    let used = (cpu_time(server.pid()) - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    assert!(used < 0.5, "{used}");
    let failures = server.admin.metrics().await.sum(ERRORS, &[]) - before;
    assert!((1.0..300.0).contains(&failures), "{failures}");
    for page in ["/readyz", "/info", "/connections", "/debug/config"] {
        assert_eq!(server.admin.status(page).await, StatusCode::OK, "{page}");
    }
    hello(open[0].clone()).await.expect("a connection that is open is served on");

    let pid = server.pid().try_into().unwrap();
    rlimit::prlimit(pid, Resource::NOFILE, Some((soft, hard)), None).unwrap();
    drop(waiting);
    let again = |line: &str| line.contains("accepting connections again");
    let (_, took) = wait::until("calls on new connections", async || {
        hello(endpoint_of(server.address).connect().await.ok()?).await.ok()?;
        server.lines().iter().any(|line| again(line)).then_some(())
    })
    .await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let lines = server.lines();
    let told = lines.iter().filter(|line| line.contains("cannot accept connections")).count();
    assert_eq!(told, 1, "one line for the whole episode: {lines:?}");
}

/// What the admin port has let go it takes back: it answers as well after a hundred looks as after the first.
#[tokio::test]
async fn the_admin_ports_reserve_is_given_back() {
    let server = Example::start("greeter", &[]).await;
    exhaust(server.pid());
    let _waiting = silent(server.address, 30).await;
    wait::until("a failure to accept", async || {
        let metrics = server.admin.metrics().await;
        (metrics.sum(ERRORS, &[]) >= 1.0).then_some(())
    })
    .await;
    for _ in 0..100 {
        assert_eq!(server.admin.status("/livez").await, StatusCode::OK);
    }
}

/// A Unix socket counts as nobody's address.
#[tokio::test]
async fn unix_sockets_have_no_cap_per_address() {
    let path = crate::listening::socket("per-peer");
    let listen = vec![rootcap::config::Listener::Unix(path.clone())];
    let _server = start(|settings: &mut Config| {
        settings.listen = listen;
        settings.connection.max_per_peer = Some(1);
    })
    .await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let channel = crate::listening::unix(path.clone()).await;
        crate::listening::greets(channel.clone()).await;
        open.push(channel);
    }
}

/// The cap counts listeners together, and an endpoint that is full refuses a client for a moment only.
#[tokio::test]
async fn a_client_that_was_refused_comes_back_by_itself() {
    let server = start(|settings: &mut Config| {
        settings.connection.max_connections = Auto::Set(1);
    })
    .await;
    let held = silent(server.local_addr(), 1).await;
    wait::until("the first connection", async || {
        (Admin::of(&server).connections().await.len() == 1).then_some(())
    })
    .await;
    let channel = endpoint(&server).connect_lazy();
    assert!(hello(channel.clone()).await.is_err());
    drop(held);
    wait::until("a call on the same channel", async || hello(channel.clone()).await.ok()).await;
}
