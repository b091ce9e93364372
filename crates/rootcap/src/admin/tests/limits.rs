//! What slow, hostile and many clients cannot do, and what a stuck service cannot stop.

use std::future::pending;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use tokio::time::timeout;
use tower::ServiceExt;

use super::client::{connect, get, raw, read_to_end, send};
use super::{Fake, start, start_with};
use crate::admin::guard::{Access, Guard};
use crate::admin::routes::{self, Row};
use crate::admin::{AdminThread, Settings};

/// Short for a test, long for a loaded machine.
const SOON: Duration = Duration::from_millis(500);

#[test]
fn it_answers_while_every_worker_of_the_services_runtime_is_blocked() {
    let service =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let process = Arc::new(Fake::default());
    let admin = service
        .block_on(async { AdminThread::spawn(vec![listener], Settings::default(), process) })
        .unwrap();

    let (blocked, is_blocked) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    for _ in 0..2 {
        let (blocked, released) = (blocked.clone(), released.clone());
        service.spawn(async move {
            blocked.send(()).unwrap();
            let _ = released.lock().unwrap().recv();
        });
    }
    is_blocked.recv().unwrap();
    is_blocked.recv().unwrap();
    for path in ["/livez", "/readyz", "/metrics", "/connections", "/debug/"] {
        assert_eq!(get(address, path).status, 200, "{path}");
    }
    drop(release);
    admin.stop();
}

#[test]
fn its_runtime_runs_what_must_go_on_without_the_service() {
    let server = start(Fake::default());
    let (done, is_done) = mpsc::channel();
    server.thread.runtime().spawn(async move {
        // Its timers fire.
        timeout(Duration::from_millis(1), pending::<()>()).await.unwrap_err();
        done.send(std::thread::current().name().map(str::to_owned)).unwrap();
    });
    assert_eq!(is_done.recv().unwrap().as_deref(), Some("rootcap-admin"));
}

#[test]
fn stopping_closes_connections() {
    let server = start(Fake::default());
    let mut idle = connect(server.address);
    ping(&mut idle);
    server.thread.stop();
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
}

/// On an address of its own, whose port no other test can be given meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn stopping_closes_listeners() {
    let listener = TcpListener::bind("127.0.0.77:0").unwrap();
    let address = listener.local_addr().unwrap();
    let process = Arc::new(Fake::default());
    let admin = AdminThread::spawn(vec![listener], Settings::default(), process).unwrap();
    assert_eq!(get(address, "/livez").status, 200);
    admin.stop();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn it_can_be_dropped_by_a_task_of_its_own_runtime() {
    let server = start(Fake::default());
    let mut idle = connect(server.address);
    ping(&mut idle);
    let runtime = server.thread.runtime().clone();
    runtime.spawn(async move { drop(server) });
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_head_that_never_ends_is_cut() {
    let settings = Settings { head_timeout: SOON, ..Settings::default() };
    let server = start_with(Fake::default(), settings);
    for head in ["", "GET /livez HTTP/1.1\r\nHost: loc"] {
        let mut io = connect(server.address);
        io.write_all(head.as_bytes()).unwrap();
        // The end of the stream is what this waits for; no answer is owed.
        io.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn a_connection_that_asks_no_more_is_closed() {
    let settings = Settings { head_timeout: SOON, ..Settings::default() };
    let server = start_with(Fake::default(), settings);
    let mut io = connect(server.address);
    io.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(read_to_end(&mut io).status, 200);
}

#[test]
fn a_connection_serves_several_requests() {
    let server = start(Fake::default());
    let mut io = connect(server.address);
    ping(&mut io);
    ping(&mut io);
}

#[test]
fn long_heads_and_bodies_are_refused() {
    let server = start(Fake::default());
    let long = "x".repeat(16 * 1024);
    assert_eq!(get(server.address, &format!("/{long}")).status, 431);
    let name = format!("X-{long}");
    assert_eq!(send(server.address, "GET", "/livez", &[(&name, "1")]).status, 431);
    let many = "X-A: 1\r\n".repeat(65);
    let head = format!("GET /livez HTTP/1.1\r\n{many}\r\n");
    assert_eq!(raw(server.address, head.as_bytes()).status, 431);
    let headers = [("Host", "localhost"), ("Content-Length", "65537")];
    assert_eq!(send(server.address, "PUT", "/debug/test-setting", &headers).status, 413);
    assert_eq!(get(server.address, "/livez").status, 200);
}

#[test]
fn what_is_no_http_1_is_cut_or_refused() {
    let server = start(Fake::default());
    assert_eq!(raw(server.address, b"\x16\x03\x01\x02\x00\x01\r\n\r\n").status, 400);
    assert_eq!(raw(server.address, b"GET /livez HTTP/9.9\r\n\r\n").status, 400);
    // A client of HTTP/2 would not understand an answer.
    let mut io = connect(server.address);
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    assert_eq!(io.read(&mut [0; 1]).unwrap_or(0), 0);
    assert_eq!(get(server.address, "/livez").status, 200);
}

#[test]
fn a_body_of_unknown_length_is_bounded_too() {
    let server = start(Fake::default());
    let head = "PUT /debug/test-setting HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let put = |body: &str| {
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        raw(server.address, format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}").as_bytes())
    };
    assert_eq!(put(&"x".repeat(64 * 1024)).status, 200);
    assert_eq!(put(&"x".repeat(64 * 1024 + 1)).status, 413);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    let hang = Row::new(Method::GET, "/hang", Access::Public, std::future::pending::<()>, "hangs");
    let router = routes::router(vec![hang], Arc::new(Fake::default()), Guard::new(None));
    let began = tokio::time::Instant::now();
    let request = Request::get("/hang").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

/// One request on a connection that stays open.
fn ping(io: &mut TcpStream) {
    io.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"ok\n") {
        io.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    assert!(bytes.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_new_connection_at_the_limit_takes_the_place_of_the_oldest() {
    let server =
        start_with(Fake::default(), Settings { max_connections: 3, ..Settings::default() });
    let mut open: Vec<_> = (0..3).map(|_| connect(server.address)).collect();
    open.iter_mut().for_each(ping);
    assert_eq!(get(server.address, "/readyz").status, 200);
    assert_eq!(open[0].read(&mut [0; 1]).unwrap(), 0);
    ping(&mut open[1]);
    ping(&mut open[2]);
}

/// Only Linux has all of 127.0.0.0/8 without being asked.
#[cfg(target_os = "linux")]
#[test]
fn a_flood_from_one_address_costs_another_neither_its_connection_nor_a_new_one() {
    let server =
        start_with(Fake::default(), Settings { max_connections: 4, ..Settings::default() });
    let mut honest = connect_from("127.0.0.2:0", server.address);
    ping(&mut honest);
    let mut flood: Vec<_> = (0..20).map(|_| connect(server.address)).collect();
    ping(&mut flood[19]);
    ping(&mut honest);
    let mut another = connect_from("127.0.0.2:0", server.address);
    ping(&mut another);
    ping(&mut honest);
}

#[cfg(target_os = "linux")]
fn connect_from(local: &str, address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let io = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(local.parse().unwrap()).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    io.set_nonblocking(false).unwrap();
    io.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    io
}
