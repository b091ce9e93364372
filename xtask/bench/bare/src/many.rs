//! The contender `bare` with a service of many methods: it keeps nothing of any.

use std::env;
use std::error::Error;

use contender::many::Many;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// The variable that holds the address to listen on.
const LISTEN: &str = "BENCH_LISTEN";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::var(LISTEN).map_err(|error| format!("{LISTEN}: {error}"))?;
    let incoming = TcpIncoming::bind(address.parse()?)?.with_nodelay(Some(true));
    Server::builder().add_service(Many).serve_with_incoming(incoming).await?;
    Ok(())
}
