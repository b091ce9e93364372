//! Servers in the test's own process, on ports that the system chooses.

use std::time::Duration;

use rootcap::{
    Builder, Entry, Nil, Running, Server, Services,
    config::{Admin, Config, Listener, Log, LogCalls, Rate},
};
use rootcap_examples::{faults::FaultsService, greeter::GreeterService};
use rootcap_proto::{
    helloworld::{greeter_client::GreeterClient, greeter_server::GreeterServer},
    testing::{faults_client::FaultsClient, faults_server::FaultsServer},
};
use tonic::transport::{Channel, Endpoint};

/// The services of most tests.
pub type Both =
    Services<Entry<GreeterServer<GreeterService>, Entry<FaultsServer<FaultsService>, Nil>>>;

/// Settings for a test: loopback, ports that the system chooses, and no log among the tests' output.
pub fn settings() -> Config {
    Config {
        listen: vec![anywhere()],
        admin: Admin { listen: Some(anywhere()), ..Admin::default() },
        log: Log { calls: LogCalls::Off, filter: "off".to_owned(), ..Log::default() },
        ..Config::default()
    }
}

/// A loopback port that the system chooses.
pub fn anywhere() -> Listener {
    Listener::Address(([127, 0, 0, 1], 0).into())
}

/// A builder with the tests' [`settings`] and descriptors.
pub fn builder() -> Builder {
    without_descriptors().descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
}

/// A builder with the tests' [`settings`], whose methods are not known beforehand.
pub fn without_descriptors() -> Builder {
    Server::builder().config(settings())
}

/// The Greeter and Faults.
pub fn services() -> Both {
    Services::new(FaultsServer::new(FaultsService)).add(GreeterServer::new(GreeterService))
}

/// The Greeter and Faults, served with the tests' [`settings`] after `change`.
pub async fn start(change: impl FnOnce(&mut Config)) -> Running {
    builder().configure(change).start(services()).await.unwrap()
}

/// A connection to `server`.
pub async fn connect(server: &Running) -> Channel {
    endpoint(server).connect().await.unwrap()
}

/// Where `server` is.
pub fn endpoint(server: &Running) -> Endpoint {
    Endpoint::from_shared(format!("http://{}", server.local_addr())).unwrap()
}

/// A client of the Greeter, on a connection of its own.
pub async fn greeter(server: &Running) -> GreeterClient<Channel> {
    GreeterClient::new(connect(server).await)
}

/// A client of Faults, on a connection of its own.
pub async fn faults(server: &Running) -> FaultsClient<Channel> {
    FaultsClient::new(connect(server).await)
}

/// So many calls in an hour, the first of them at once: what a test uses up does not come back before its end.
pub fn hourly(calls: u32) -> Option<Rate> {
    Rate::new(calls.try_into().unwrap(), Duration::from_secs(3_600))
}
