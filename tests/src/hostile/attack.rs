//! An attack: a server of its own, an honest client beside, and what must hold whatever is done to it.

use std::net::SocketAddr;

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, process, wait};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    task::JoinHandle,
};
use tonic::transport::Channel;

/// How much the memory of the server may grow under an attack.
const GROWTH: u64 = 20 << 20;

/// The fewest calls of an honest client.
const LEAST: usize = 200;

/// Attacks a server that has its default settings.
///
/// # Panics
/// - When the server's memory grows by more than [`GROWTH`], at any time.
/// - When an honest client, which calls all the while on a connection of its own, loses one call.
/// - When a connection or a call is left over.
pub(super) async fn attack<T>(hostile: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    attack_within(GROWTH, hostile).await
}

/// Attacks a server whose memory may grow by so many bytes.
pub(super) async fn attack_within<T>(growth: u64, hostile: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let settings = [("ROOTCAP_LOG__CALLS", "off"), ("ROOTCAP_LOG__FILTER", "off")];
    let server = Example::start("faults", &settings).await;
    Honest::start(server.address).await.stop().await;
    process::forget_peak(server.pid());
    let before = process::resident(server.pid());

    let honest = Honest::start(server.address).await;
    let result = hostile(server.address).await;
    honest.stop().await;

    let grown = process::peak(server.pid()).saturating_sub(before);
    println!("memory grew by {} KiB", grown >> 10);
    assert!(grown <= growth, "memory grew by {grown} bytes");
    server.admin.at_rest().await;
    wait::until("no connection to be left", async || {
        server.admin.connections().await.is_empty().then_some(())
    })
    .await;
    result
}

/// A client that calls without a pause.
struct Honest {
    stop: oneshot::Sender<()>,
    calls: JoinHandle<()>,
}

impl Honest {
    /// Begins to call, with one call that is answered already.
    async fn start(address: SocketAddr) -> Self {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        let mut client = GreeterClient::new(channel.connect().await.unwrap());
        client.say_hello(HelloRequest::default()).await.unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let calls = tokio::spawn(async move {
            let mut calls = 0;
            while calls < LEAST || stopped.try_recv() == Err(TryRecvError::Empty) {
                client.say_hello(HelloRequest::default()).await.expect("an honest call");
                calls += 1;
            }
        });
        Self { stop, calls }
    }

    /// Ends, and looks whether every call was answered.
    async fn stop(self) {
        let _ = self.stop.send(());
        wait::for_end("the honest client", self.calls).await.unwrap();
    }
}
