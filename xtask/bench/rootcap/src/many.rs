//! The contender `rootcap` with a service of many methods, which are known from the start, by their descriptors.

use std::env;
use std::error::Error;

use contender::Greeter;
use contender::many::{Many, THOUSAND, TWO_HUNDRED};
use rootcap::Services;
use rootcap_proto::helloworld::greeter_server::GreeterServer;

/// The variable that holds the number of methods.
const METHODS: &str = "BENCH_METHODS";

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let methods = env::var(METHODS).map_err(|error| format!("{METHODS}: {error}"))?;
    let descriptors = match methods.as_str() {
        "200" => TWO_HUNDRED,
        "1000" => THOUSAND,
        other => return Err(format!("{METHODS} is {other:?}; 200 and 1000 are accepted").into()),
    };
    let services = Services::new(Many).add(GreeterServer::new(Greeter));
    Ok(rootcap::Server::builder().descriptors(descriptors).serve(services).await?)
}
