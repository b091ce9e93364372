//! Faults and the Greeter, in a process that tells of its heap: for tests that look for leaks, and at what a call costs.

use std::{
    io::{self, Write},
    net::TcpListener,
    thread,
};

use rootcap::Services;
use rootcap_examples::{faults::FaultsService, greeter::GreeterService};
use rootcap_proto::{
    helloworld::greeter_server::GreeterServer, testing::faults_server::FaultsServer,
};

mod heap;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// Tells everyone who connects how many bytes are in use, and how often memory was asked for so far.
fn tell() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("heap on {}", listener.local_addr()?);
    thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            // Who is gone before the answer has no use for it.
            let _ = write!(peer, "{} {}", heap::in_use(), heap::allocations());
        }
    });
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), rootcap::Error> {
    tell().expect("loopback has a free port");
    rootcap::Server::builder()
        .descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
        .on_start(|server| println!("{server}"))
        .serve(
            Services::new(FaultsServer::new(FaultsService)).add(GreeterServer::new(GreeterService)),
        )
        .await
}
