//! The contender `bare`: tonic's own server and the services, nothing else, out of the box.

use std::env;
use std::error::Error;

use contender::Greeter;
use contender::load::{Load, LoadServer};
use rootcap_proto::helloworld::greeter_server::GreeterServer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// The variable that holds the address to listen on.
const LISTEN: &str = "BENCH_LISTEN";

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::var(LISTEN).map_err(|error| format!("{LISTEN}: {error}"))?;
    // As `Server::serve` does it, save that the address is known before the first call.
    let incoming = TcpIncoming::bind(address.parse()?)?.with_nodelay(Some(true));
    println!("listening on {}", incoming.local_addr()?);
    Server::builder()
        .add_service(GreeterServer::new(Greeter))
        .add_service(LoadServer::new(Load))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
