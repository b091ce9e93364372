//! Whole servers: how they start and end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{io::ErrorKind, net::Ipv4Addr, time::Duration};

use tokio::{net::TcpStream, runtime, time::timeout};

use super::*;
use crate::{
    Server,
    config::{Config, Listener, LogCalls},
    server::connection::tests::{
        peer::{Kind, Peer},
        service::Calls,
    },
};

/// Far below the deadline of a drain, and far above what anything here takes.
const SOON: Duration = Duration::from_secs(15);

fn local(port: u16) -> Listener {
    Listener::Address((Ipv4Addr::LOCALHOST, port).into())
}

fn config() -> Config {
    let mut config = Config { listen: vec![local(0)], ..Config::default() };
    config.admin.listen = Some(local(0));
    config.log.calls = LogCalls::Off;
    config
}

async fn start(calls: &Calls, config: Config) -> Running {
    Server::builder().config(config).start(calls.clone()).await.unwrap()
}

async fn connect(running: &Running) -> Peer<TcpStream> {
    let mut peer = Peer(TcpStream::connect(running.local_addr()).await.unwrap());
    peer.greet(&[]).await;
    peer
}

async fn wait(running: Running) -> Result<(), Error> {
    timeout(SOON, running.wait()).await.expect("it waits for the deadline, or for ever")
}

#[tokio::test]
async fn a_drain_ends_as_soon_as_nothing_is_left() {
    let calls = Calls::new();
    let running = start(&calls, config()).await;
    let mut peer = connect(&running).await;
    let silent = TcpStream::connect(running.local_addr()).await.unwrap();
    peer.call(1, "/test/Wait").await;
    calls.handlers_are(1).await;
    running.stop();
    running.stop();
    peer.next_of(Kind::GoAway).await;
    peer.answer_ping().await;
    calls.release();
    peer.end_of(1).await;
    wait(running).await.unwrap();
    drop(silent);
    let tasks = runtime::Handle::current().metrics();
    while tasks.num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_deadline_cuts_is_an_error() {
    let calls = Calls::new();
    let mut config = config();
    config.drain.deadline = Duration::from_millis(50);
    let running = start(&calls, config).await;
    let mut peer = connect(&running).await;
    peer.call(1, "/test/Wait").await;
    calls.handlers_are(1).await;
    running.stop();
    let error = wait(running).await.unwrap_err();
    assert!(error.is_cut());
    assert_eq!(error.to_string(), "the drain's deadline cut 1 call that was still running");
    assert_eq!(calls.handlers(), 0);
}

#[tokio::test]
async fn dropping_the_handle_drains() {
    let running = start(&Calls::new(), config()).await;
    let (service, admin) = (running.local_addr(), running.admin_addr().unwrap());
    drop(running);
    for address in [service, admin] {
        let refused = async {
            while let Ok(stream) = TcpStream::connect(address).await {
                drop(stream);
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, refused).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_of_one_process_end_one_by_one() {
    let calls = Calls::new();
    let (first, second) = (start(&calls, config()).await, start(&calls, config()).await);
    first.stop();
    wait(first).await.unwrap();
    let mut peer = connect(&second).await;
    peer.call(1, "/test/Now").await;
    peer.end_of(1).await;
    drop(peer);
    second.stop();
    wait(second).await.unwrap();
}

#[test]
fn waiting_ends_when_the_runtime_is_gone() {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let running = runtime.block_on(start(&Calls::new(), config()));
    let admin = running.admin_addr().unwrap();
    drop(runtime);
    tokio_test::block_on(wait(running)).unwrap();
    let refused = std::net::TcpStream::connect(admin).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_and_nothing_is_started() {
    let running = start(&Calls::new(), config()).await;
    let tasks = runtime::Handle::current().metrics().num_alive_tasks();
    let mut config = self::config();
    config.admin.listen = Some(local(running.admin_addr().unwrap().port()));
    let started = Server::builder().config(config).start(Calls::new()).await;
    assert!(started.unwrap_err().is_bind());
    assert_eq!(runtime::Handle::current().metrics().num_alive_tasks(), tasks);
}
