//! Each limit by itself, under tonic's own server.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};

use rootcap_layers::{ConcurrencyLayer, RateLimitLayer, RequestBytesLayer, rate_limit::Quota};
use rootcap_proto::helloworld::{
    HelloReply, HelloRequest,
    greeter_client::GreeterClient,
    greeter_server::{Greeter, GreeterServer},
};
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};

use super::is_refusal;

const PATH: &str = "/helloworld.Greeter/SayHello";

/// Answers, and never answers whoever has no name.
struct Named;

#[tonic::async_trait]
impl Greeter for Named {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        match request.get_ref().name.is_empty() {
            true => std::future::pending().await,
            false => Ok(Response::new(HelloReply::default())),
        }
    }
}

/// A client of tonic's server with this layer. The server goes with the test's runtime.
macro_rules! behind {
    ($layer:expr) => {{
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Server::builder().layer($layer).add_service(GreeterServer::new(Named));
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        GreeterClient::connect(format!("http://{address}")).await.unwrap()
    }};
}

async fn greet(client: &mut GreeterClient<Channel>, name: String) -> Result<(), Status> {
    client.say_hello(HelloRequest { name }).await.map(drop)
}

#[tokio::test]
async fn a_rate() {
    let quota = Quota::new(NonZeroU32::MIN, std::time::Duration::from_secs(3_600));
    let mut client = behind!(RateLimitLayer::new(quota));
    greet(&mut client, "a".to_owned()).await.unwrap();
    let refused = greet(&mut client, "a".to_owned()).await.unwrap_err();
    is_refusal(&refused, Code::ResourceExhausted, PATH);
}

#[tokio::test]
async fn calls_in_flight() {
    let layer = ConcurrencyLayer::new(NonZeroUsize::MIN);
    let rules = layer.limits().unwrap().clone();
    let mut client = behind!(layer);
    let mut waits = client.clone();
    let waiting = tokio::spawn(async move { greet(&mut waits, String::new()).await });
    let in_flight = async |calls| {
        rootcap_tests::wait::until("calls in flight", async || {
            (rules.states(0)[0].in_flight == calls).then_some(())
        })
        .await
    };
    in_flight(1).await;
    let refused = greet(&mut client, "a".to_owned()).await.unwrap_err();
    is_refusal(&refused, Code::Unavailable, PATH);
    // Who gives up gives its permit back.
    waiting.abort();
    in_flight(0).await;
    greet(&mut client, "a".to_owned()).await.unwrap();
}

#[tokio::test]
async fn bytes_of_requests() {
    let layer = RequestBytesLayer::new(NonZeroU64::new(1_000).unwrap());
    let mut client = behind!(layer.clone());
    greet(&mut client, "a".repeat(900)).await.unwrap();
    let refused = greet(&mut client, "a".repeat(1_000)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "it never fits");
    assert!(refused.message().contains(PATH), "{}", refused.message());
    rootcap_tests::wait::until("all to be given back", async || {
        (layer.state().unwrap().used == 0).then_some(())
    })
    .await;
}
