//! The contender `rootcap`: the one call that a user writes, in its default configuration.

use contender::Greeter;
use rootcap_proto::helloworld::greeter_server::GreeterServer;

#[tokio::main]
pub(crate) async fn main() -> Result<(), rootcap::Error> {
    rootcap::Server::builder().serve(GreeterServer::new(Greeter)).await
}
