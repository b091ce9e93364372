//! The server of gRPC's interoperability tests: any implementation's client of them can be run against it.

use rootcap_examples::interop::interop_server;

#[tokio::main]
async fn main() -> Result<(), rootcap::Error> {
    rootcap::Server::builder()
        .command_line()
        .build_info(rootcap::build_info!())
        .descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
        .on_start(|server| println!("{server}"))
        .serve(interop_server())
        .await
}
