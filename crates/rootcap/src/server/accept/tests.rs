//! The accept loop over real listeners.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{convert::Infallible, io::ErrorKind, time::Duration};

use rootcap_layers::Methods;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::mpsc,
    task::JoinHandle,
};

use super::*;
use crate::{
    config::{Config, Listener, Switch},
    health::Health,
    lifecycle::{DrainTimes, Life},
    server::{
        listen::{self, LocalAddr},
        router::{Nil, Router, Services},
    },
    stack::Layers,
    telemetry::logs::Logs,
};

struct Server {
    life: Life,
    connections: Connections,
    local: LocalAddr,
    accepting: JoinHandle<()>,
    _gone: mpsc::Receiver<Infallible>,
}

fn server(listener: &Listener, max_connections: usize) -> Server {
    let (config, health) = (Config::default(), Health::new());
    let logs = Logs::install(&(&config.log).into()).unwrap();
    let layers = Layers::new(&config, &logs, Arc::new(Methods::builder().build()), None);
    let (life, connections) = (Life::new(health.clone()), Connections::default());
    let (alive, gone) = mpsc::channel(1);
    let app = Router::new(Services::<Nil>::default());
    let acceptor = Acceptor {
        serving: Serving {
            stack: layers.around(app.clone(), &health),
            settings: Arc::new(ConnectionSettings::new(&config)),
        },
        health_only: Serving {
            stack: layers.around_health_only(app, &health),
            settings: Arc::new(ConnectionSettings::health_only(&config)),
        },
        tls: None,
        told: Arc::default(),
        caps: Caps { connections: max_connections, per_peer: None },
        open_files: OpenFiles::of_process(),
        connections: connections.clone(),
        life: life.watch(),
        listening: life.listening(),
        alive,
    };
    let bound = listen::bind("listen", listener, Switch::Off).unwrap();
    let local = bound.local_addr().unwrap();
    Server { life, connections, local, accepting: tokio::spawn(acceptor.run(bound)), _gone: gone }
}

async fn connect(server: &Server) -> TcpStream {
    let port = server.local.tcp().unwrap().port();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// How a client begins: the preface, and settings without any.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Begins, and reads the server's settings; `None` where it hangs up instead.
async fn greeting(stream: &mut TcpStream) -> Option<[u8; 9]> {
    let mut head = [0; 9];
    // That it has hung up is seen by reading.
    let _ = stream.write_all(PREFACE).await;
    match stream.read_exact(&mut head).await {
        Ok(_) => Some(head),
        Err(error) => {
            let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(kinds.contains(&error.kind()), "{error}");
            None
        }
    }
}

#[tokio::test]
async fn a_connection_too_many_is_closed_at_once_and_the_others_go_on() {
    let server = server(&Listener::Port(0), 1);
    let mut first = connect(&server).await;
    assert!(greeting(&mut first).await.is_some());
    assert_eq!(greeting(&mut connect(&server).await).await, None);
    assert_eq!(server.connections.len(), 1);
    drop(first);
    while server.connections.len() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(greeting(&mut connect(&server).await).await.is_some());
}

#[tokio::test]
async fn a_peer_of_ipv4_has_an_address_of_ipv4() {
    let server = server(&Listener::Port(0), 10);
    let mut peer = connect(&server).await;
    greeting(&mut peer).await.unwrap();
    let address = peer.local_addr().unwrap().to_string();
    assert_eq!(server.connections.all()[0].peer().as_str(), address);
}

/// A client that was asked to go came back to the listener, was asked to go again, and lost its call.
#[tokio::test]
async fn nobody_is_asked_to_go_before_the_listener_is_closed() {
    let server = server(&Listener::Port(0), 10);
    let times = DrainTimes { deadline: Duration::from_secs(25), lame_duck: Duration::ZERO };
    let (life, connections) = (server.life.clone(), server.connections.clone());
    tokio::spawn(async move { life.drain(times, &connections).await });
    let mut phase = server.life.watch();
    phase.wait_for(|phase| *phase >= Phase::Draining).await.unwrap();
    let address = ("127.0.0.1", server.local.tcp().unwrap().port());
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_drain_closes_the_listener() {
    let server = server(&Listener::Port(0), 10);
    server.life.advance(Phase::Draining);
    server.accepting.await.unwrap();
    let refused = TcpStream::connect(("127.0.0.1", server.local.tcp().unwrap().port())).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

/// A connection, of either kind of listener.
trait Connected: io::Read + io::Write + Send {}
impl<IO: io::Read + io::Write + Send> Connected for IO {}

/// They were reset with the listener. On one thread, nothing is accepted between the connections and the drain.
#[tokio::test]
async fn those_who_wait_to_be_accepted_when_a_drain_begins_are_greeted() {
    const WAITING: usize = 100;
    let path = std::env::temp_dir().join(format!("rootcap-queue-{}.sock", std::process::id()));
    for listener in [Listener::Port(0), Listener::Unix(path.clone())] {
        let server = server(&listener, WAITING);
        server.life.advance(Phase::Draining);
        let waiting: Vec<Box<dyn Connected>> = (0..WAITING)
            .map(|_| match &server.local {
                LocalAddr::Tcp(address) => {
                    let local = ("127.0.0.1", address.port());
                    Box::new(std::net::TcpStream::connect(local).unwrap()) as _
                }
                LocalAddr::Unix(path) => {
                    Box::new(std::os::unix::net::UnixStream::connect(path).unwrap()) as _
                }
            })
            .collect();
        server.accepting.await.unwrap();
        assert_eq!(server.connections.len(), WAITING);
        let greeted = tokio::task::spawn_blocking(|| {
            waiting.into_iter().all(|mut peer| {
                // The preface, and empty SETTINGS.
                let said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
                peer.write_all(said).unwrap();
                peer.read_exact(&mut [0; 9]).is_ok()
            })
        });
        assert!(greeted.await.unwrap());
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn a_drain_removes_the_file_of_a_unix_socket() {
    let name = format!("rootcap-accept-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let server = server(&Listener::Unix(path.clone()), 10);
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    assert!(server.connections.all()[0].peer().as_str().starts_with("unix"));
    server.life.advance(Phase::Draining);
    server.accepting.await.unwrap();
    assert!(!path.exists());
}

#[test]
fn the_scope_of_a_link_local_address_is_kept() {
    for (address, expected) in [
        ("[::ffff:192.0.2.1]:5", "192.0.2.1:5"),
        ("[fe80::1%3]:5", "[fe80::1%3]:5"),
        ("[2001:db8::1]:5", "[2001:db8::1]:5"),
        ("192.0.2.1:5", "192.0.2.1:5"),
    ] {
        assert_eq!(canonical(address.parse().unwrap()).to_string(), expected);
    }
}
