//! Health, over the wire.

use std::collections::HashMap;

use rootcap::{Running, health::ServingStatus};
use rootcap_examples::greeter::GreeterService;
use rootcap_proto::helloworld::greeter_server::GreeterServer;
use rootcap_tests::{
    server::{connect, start},
    wait,
};
use tonic::{Code, Request, client::Grpc, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_prost::ProstCodec;

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;
const SERVICE_UNKNOWN: i32 = 3;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn client(server: &Running) -> HealthClient<Channel> {
    HealthClient::new(connect(server).await)
}

#[tokio::test]
async fn check() {
    let server = start(|_| {}).await;
    let mut client = client(&server).await;
    for service in ["", "helloworld.Greeter", "rootcap.testing.Faults"] {
        assert_eq!(
            client.check(of(service)).await.unwrap().into_inner().status,
            SERVING,
            "{service}"
        );
    }
    assert_eq!(client.check(of("no.Such")).await.unwrap_err().code(), Code::NotFound);
    server.health().set_service::<GreeterServer<GreeterService>>(ServingStatus::NotServing);
    assert_eq!(
        client.check(of("helloworld.Greeter")).await.unwrap().into_inner().status,
        NOT_SERVING
    );
    assert_eq!(client.check(of("")).await.unwrap().into_inner().status, SERVING);
}

#[tokio::test]
async fn watch_tells_each_change() {
    let server = start(|_| {}).await;
    let mut watch =
        client(&server).await.watch(of("helloworld.Greeter")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    for (status, expected) in
        [(ServingStatus::NotServing, NOT_SERVING), (ServingStatus::Serving, SERVING)]
    {
        server.health().set("helloworld.Greeter", status);
        let told = wait::for_end("the change", watch.message()).await.unwrap().unwrap();
        assert_eq!(told.status, expected);
    }
}

#[tokio::test]
async fn watch_of_an_unknown_service_stays_open() {
    let server = start(|_| {}).await;
    let mut watch = client(&server).await.watch(of("late.Comer")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVICE_UNKNOWN);
    server.health().set("late.Comer", ServingStatus::Serving);
    let told = wait::for_end("the change", watch.message()).await.unwrap().unwrap();
    assert_eq!(told.status, SERVING);
}

#[tokio::test]
async fn a_watch_ends_with_ok_when_the_server_drains() {
    let server = start(|_| {}).await;
    let mut watch = client(&server).await.watch(of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, SERVING);
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status, NOT_SERVING);
    assert!(watch.message().await.unwrap().is_none());
    wait::for_end("the drain", server.wait()).await.unwrap();
}

/// tonic-health has no `List`.
#[derive(Clone, PartialEq, prost::Message)]
struct ListReply {
    #[prost(map = "string, message", tag = "1")]
    statuses: HashMap<String, Status>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[tokio::test]
async fn list() {
    let server = start(|_| {}).await;
    server.health().set("helloworld.Greeter", ServingStatus::NotServing);
    let mut grpc = Grpc::new(connect(&server).await);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/grpc.health.v1.Health/List");
    let codec = ProstCodec::<(), ListReply>::default();
    let reply = grpc.unary(Request::new(()), path, codec).await.unwrap().into_inner();
    let told = |service: &str| reply.statuses.get(service).map(|status| status.status);
    assert_eq!(told(""), Some(SERVING));
    assert_eq!(told("helloworld.Greeter"), Some(NOT_SERVING));
    assert_eq!(told("rootcap.testing.Faults"), Some(SERVING));
    assert_eq!(reply.statuses.len(), 3, "{reply:?}");
}
