//! Restarts under load: clients of several languages call all the while, and none of their calls is lost.
//!
//! The clients have no retry policy and do not wait for readiness: what they repeat by themselves are the calls that
//! the server cannot have seen, as gRPC wants it.

mod clients;
mod fleet;

use std::{net::SocketAddr, time::Instant};

use rootcap_tests::{programs, proxy::Proxy};
use tokio::{process::Command, sync::Mutex};

use clients::{Client, Done};
use fleet::Fleet;

const RESTARTS: u32 = 20;
/// How many calls all clients make together, at the least.
const CALLS: Done = Done { unary: 100_000, streams: 2_000 };
/// Time for a client that watches the server's health to leave before it is asked to.
const LAME_DUCK: &[(&str, &str)] = &[("ROOTCAP_DRAIN__LAME_DUCK", "1s")];

/// One load at a time: they would slow each other down to where clients give up.
static LOADED: Mutex<()> = Mutex::const_new(());

/// Restarts the server while all clients call it at `address`, until they have called so often.
async fn lose_nothing(fleet: &mut Fleet, mut clients: Vec<Client>, calls: Done) {
    let begun = Instant::now();
    for restart in 1..=RESTARTS {
        let due = calls * restart / (RESTARTS + 1);
        clients::until(&clients, due).await;
        fleet.restart().await;
    }
    clients::until(&clients, calls).await;
    let calling = begun.elapsed();
    let mut all = Done::default();
    for client in &mut clients {
        let (done, lost) = client.stop().await;
        println!("{}: {done:?}, lost: {}", client.name, lost.len());
        assert!(done.unary * 10 > calls.unary && done.streams * 10 > calls.streams, "{done:?}");
        assert!(lost.is_empty(), "{}: {} of {done:?}: {lost:#?}", client.name, lost.len());
        all = all + done;
    }
    println!("{RESTARTS} restarts in {calling:?}: {all:?}, none lost");
}

/// A client of each kind, that calls at this address, tonic's with these arguments; none where a program is missing.
fn all_clients(address: SocketAddr, arguments: &[&str]) -> Option<Vec<Client>> {
    let (python, node, address) = (programs::python()?, programs::node()?, &*address.to_string());
    let mut tonic = Command::new(env!("CARGO_BIN_EXE_rootcap-tonic-load"));
    tonic.arg(address).args(arguments);
    Some(vec![
        Client::script("grpcio", python, "grpcio_load.py", address),
        Client::script("grpc-js", node, "grpc_js_load.mjs", address),
        Client::start("tonic", tonic),
    ])
}

#[tokio::test]
async fn one_process_after_the_other_on_the_socket_of_a_supervisor() {
    let _loaded = LOADED.lock().await;
    let mut fleet = Fleet::on_a_socket(LAME_DUCK).await;
    let Some(clients) = all_clients(fleet.address, &["watched"]) else { return };
    lose_nothing(&mut fleet, clients, CALLS).await;
}

#[tokio::test]
async fn the_next_process_beside_the_one_that_drains_on_a_shared_address() {
    let _loaded = LOADED.lock().await;
    let mut fleet = Fleet::on_a_shared_address(LAME_DUCK).await;
    let Some(clients) = all_clients(fleet.address, &["watched"]) else { return };
    lose_nothing(&mut fleet, clients, CALLS).await;
}

#[tokio::test]
async fn behind_envoy() {
    let _loaded = LOADED.lock().await;
    let mut fleet = Fleet::on_a_socket(&[]).await;
    let Some(proxy) = Proxy::envoy(fleet.address).await else { return };
    let Some(clients) = all_clients(proxy.address, &[]) else { return };
    lose_nothing(&mut fleet, clients, CALLS).await;
}
