//! A service that misbehaves on request, beside the Greeter: for tests and demonstrations.

use rootcap::Services;
use rootcap_examples::{faults::FaultsService, greeter::GreeterService};
use rootcap_proto::{
    helloworld::greeter_server::GreeterServer, testing::faults_server::FaultsServer,
};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

#[tokio::main]
async fn main() -> Result<(), rootcap::Error> {
    let faults = FaultsServer::new(FaultsService)
        .accept_compressed(Gzip)
        .accept_compressed(Zstd)
        .send_compressed(Gzip)
        .send_compressed(Zstd);
    rootcap::Server::builder()
        .command_line()
        .build_info(rootcap::build_info!())
        .descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
        .on_start(|server| println!("{server}"))
        .serve(Services::new(faults).add(GreeterServer::new(GreeterService)))
        .await
}
