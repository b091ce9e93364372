//! A program whose allocator is jemalloc, by the macro: it holds memory on request.

use std::{hint::black_box, sync::Mutex};

use rootcap::Services;
use rootcap_examples::faults::FaultsService;
use rootcap_proto::{
    helloworld::{
        HelloReply, HelloRequest,
        greeter_server::{Greeter, GreeterServer},
    },
    testing::faults_server::FaultsServer,
};
use tonic::{Request, Response, Status};

// Sampled more often than by default, so that a test needs little memory to be sure of what it sees.
rootcap::jemalloc!("lg_prof_sample:16");

/// Whoever is greeted as `first` or `second` makes it hold 16 MiB more, until somebody is greeted as `nobody`.
#[derive(Default)]
struct Holding(Mutex<Vec<Vec<u8>>>);

#[tonic::async_trait]
impl Greeter for Holding {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let message = request.into_inner().name;
        let mut held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match message.as_str() {
            "first" => first_holder(&mut held),
            "second" => second_holder(&mut held),
            // With the room for them, which is a sample now and then.
            "nobody" => drop(std::mem::take(&mut *held)),
            _ => drop(black_box(vec![1_u8; 10_000])),
        }
        Ok(Response::new(HelloReply { message }))
    }
}

#[inline(never)]
fn first_holder(held: &mut Vec<Vec<u8>>) {
    held.extend((0..256).map(|_| vec![1; 64 * 1024]));
}

#[inline(never)]
fn second_holder(held: &mut Vec<Vec<u8>>) {
    held.extend((0..256).map(|_| vec![2; 64 * 1024]));
}

#[tokio::main]
async fn main() -> Result<(), rootcap::Error> {
    rootcap::Server::builder()
        .on_start(|server| println!("{server}"))
        .serve(
            Services::new(GreeterServer::new(Holding::default()))
                .add(FaultsServer::new(FaultsService)),
        )
        .await
}
