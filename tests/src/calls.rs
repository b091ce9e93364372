//! What a tonic client has a right to: every kind of call, compression, metadata, large messages, several services.

use futures_util::{StreamExt, TryStreamExt, stream};
use rootcap::Services;
use rootcap_examples::{faults::FaultsService, greeter::GreeterService};
use rootcap_proto::{
    helloworld::{
        HelloReply, HelloRequest,
        greeter_client::GreeterClient,
        greeter_server::{Greeter, GreeterServer},
    },
    testing::{
        ChatRequest, CollectRequest, EchoRequest, StreamRequest, faults_client::FaultsClient,
        faults_server::FaultsServer,
    },
};
use rootcap_tests::{
    admin::Admin,
    server::{self, builder, connect, services, start},
    wait,
};
use tonic::{
    Code, Request, Response, Status,
    codec::CompressionEncoding::{self, Gzip, Zstd},
    metadata::MetadataValue,
};

#[tokio::test]
async fn unary() {
    let server = start(|_| {}).await;
    let request = HelloRequest { name: "Wörld".into() };
    let reply = server::greeter(&server).await.say_hello(request).await.unwrap();
    assert_eq!(reply.into_inner().message, "Hello Wörld");
}

#[tokio::test]
async fn server_stream() {
    let server = start(|_| {}).await;
    let request = StreamRequest { count: 1_000, size: 100, interval_millis: 0 };
    let replies = server::faults(&server).await.stream(request).await.unwrap().into_inner();
    let sizes: Vec<_> = replies.map_ok(|reply| reply.payload.len()).try_collect().await.unwrap();
    assert_eq!(sizes, [100; 1_000]);
}

#[tokio::test]
async fn client_stream() {
    let server = start(|_| {}).await;
    let requests = (0..1_000).map(|size| CollectRequest { payload: vec![1; size].into() });
    let reply = server::faults(&server).await.collect(stream::iter(requests)).await.unwrap();
    assert_eq!((reply.get_ref().messages, reply.get_ref().bytes), (1_000, 499_500));
}

/// The HTTP/2 library closes a connection on which too many tiny frames wait to be read.
#[tokio::test]
async fn very_many_tiny_messages() {
    const COUNT: u64 = 100_000;
    let server = start(|_| {}).await;
    let requests = (0..COUNT).map(|_| CollectRequest { payload: vec![1].into() });
    let reply = server::faults(&server).await.collect(stream::iter(requests)).await.unwrap();
    assert_eq!((reply.get_ref().messages, reply.get_ref().bytes), (COUNT, COUNT));
}

#[tokio::test]
async fn bidirectional_stream() {
    let server = start(|_| {}).await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut replies = server::faults(&server).await.chat(requests).await.unwrap().into_inner();
    for payload in ["one", "", "three"] {
        sender.send(ChatRequest { payload: payload.into() }).await.unwrap();
        let reply = wait::for_end("a reply", replies.message()).await.unwrap().unwrap();
        assert_eq!(reply.payload, payload);
    }
    drop(sender);
    assert!(wait::for_end("the end", replies.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_without_messages() {
    let server = start(|_| {}).await;
    let mut client = server::faults(&server).await;
    let reply = client.collect(stream::empty()).await.unwrap();
    assert_eq!(reply.get_ref().messages, 0);
    let replies = client.stream(StreamRequest::default()).await.unwrap().into_inner();
    assert_eq!(replies.count().await, 0);
}

async fn echo_compressed(encoding: CompressionEncoding, name: &str) {
    let faults =
        FaultsServer::new(FaultsService).accept_compressed(encoding).send_compressed(encoding);
    let server = builder().start(faults).await.unwrap();
    let mut client = FaultsClient::new(connect(&server).await)
        .send_compressed(encoding)
        .accept_compressed(encoding);
    let payload = b"again and ".repeat(10_000);
    let reply = client.echo(EchoRequest { payload: payload.clone().into() }).await.unwrap();
    assert_eq!(reply.metadata().get("grpc-encoding").unwrap(), name);
    assert_eq!(reply.into_inner().payload, payload);

    let labels = [("grpc_method", "Echo")];
    let metrics = Admin::of(&server).until("rootcap_calls_in_flight", &labels, 0.0).await;
    for name in ["rootcap_call_received_bytes_total", "rootcap_call_sent_bytes_total"] {
        let bytes = metrics.sum(name, &labels);
        assert!((1.0..10_000.0).contains(&bytes), "{name} counts what is on the wire: {bytes}");
    }
}

#[tokio::test]
async fn compression_by_gzip() {
    echo_compressed(Gzip, "gzip").await;
}

#[tokio::test]
async fn compression_by_zstd() {
    echo_compressed(Zstd, "zstd").await;
}

#[tokio::test]
async fn a_compression_that_the_service_lacks_is_unimplemented() {
    let server = start(|_| {}).await;
    let mut client = FaultsClient::new(connect(&server).await).send_compressed(Gzip);
    let status = client.echo(EchoRequest { payload: vec![0; 2_000].into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn metadata_both_ways() {
    let server = start(|_| {}).await;
    let mut request = Request::new(EchoRequest::default());
    let sent = request.metadata_mut();
    sent.append("x-echo-a", "1".parse().unwrap());
    sent.append("x-echo-a", "2".parse().unwrap());
    sent.append_bin("x-echo-b-bin", MetadataValue::from_bytes(&[0, 255]));
    let reply = server::faults(&server).await.echo(request).await.unwrap();
    let values: Vec<_> = reply.metadata().get_all("x-echo-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    let binary = reply.metadata().get_bin("x-echo-b-bin").unwrap().to_bytes().unwrap();
    assert_eq!(binary[..], [0, 255]);
}

#[tokio::test]
async fn a_message_of_10_mib_where_the_service_allows_it() {
    const SIZE: usize = 10 << 20;
    let faults = FaultsServer::new(FaultsService).max_decoding_message_size(SIZE + 100);
    let server = builder().start(faults).await.unwrap();
    let mut client =
        FaultsClient::new(connect(&server).await).max_decoding_message_size(SIZE + 100);
    let reply = client.echo(EchoRequest { payload: vec![7; SIZE].into() }).await.unwrap();
    assert!(reply.into_inner().payload == vec![7; SIZE]);
}

#[tokio::test]
async fn a_generated_servers_own_limits_hold() {
    let faults = FaultsServer::new(FaultsService)
        .max_decoding_message_size(100)
        .max_encoding_message_size(50);
    let server = builder().start(faults).await.unwrap();
    let mut client = FaultsClient::new(connect(&server).await);
    for size in [1_000, 90] {
        let request = EchoRequest { payload: vec![0; size].into() };
        let status = client.echo(request).await.unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{size} bytes");
    }
    client.echo(EchoRequest { payload: vec![0; 10].into() }).await.unwrap();
}

#[tokio::test]
async fn several_services_one_of_them_optional() {
    let absent = None::<GreeterServer<GreeterService>>;
    let faults = FaultsServer::new(FaultsService);
    let server = builder().start(Services::new(faults).add_optional(absent)).await.unwrap();
    server::faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    let hello = server::greeter(&server).await.say_hello(HelloRequest::default()).await;
    assert_eq!(hello.unwrap_err().code(), Code::Unimplemented);

    let present = Some(GreeterServer::new(GreeterService));
    let faults = FaultsServer::new(FaultsService);
    let server = builder().start(Services::new(faults).add_optional(present)).await.unwrap();
    server::faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    server::greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();
}

/// More of them at a time than the server lets be open: the rest wait.
#[tokio::test]
async fn calls_share_a_connection() {
    let server = start(|_| {}).await;
    let channel = connect(&server).await;
    let calls = (0..500).map(|number| {
        let mut client = GreeterClient::new(channel.clone());
        async move { client.say_hello(HelloRequest { name: number.to_string() }).await }
    });
    let replies: Vec<_> = stream::iter(calls).buffer_unordered(400).try_collect().await.unwrap();
    assert_eq!(replies.len(), 500);
    assert_eq!(Admin::of(&server).connections().await.len(), 1);
}

/// Answers with the addresses of the connection.
struct WhoIsThere;

#[tonic::async_trait]
impl Greeter for WhoIsThere {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let (local, remote) = (request.local_addr(), request.remote_addr());
        Ok(Response::new(HelloReply { message: format!("{local:?} {remote:?}") }))
    }
}

#[tokio::test]
async fn the_handler_knows_both_addresses() {
    let server = builder().start(GreeterServer::new(WhoIsThere)).await.unwrap();
    let mut client = server::greeter(&server).await;
    let reply = client.say_hello(HelloRequest::default()).await.unwrap();
    let peer = Admin::of(&server).connections().await[0]["Addr"].as_str().unwrap().to_owned();
    let expected = format!("Some({}) Some({peer})", server.local_addr());
    assert_eq!(reply.into_inner().message, expected);
}

#[tokio::test]
async fn an_unknown_method_or_service_is_unimplemented() {
    let server = builder().start(services()).await.unwrap();
    let raw = rootcap_tests::raw::Raw::connect(server.local_addr()).await;
    for path in ["/helloworld.Greeter/NoSuch", "/no.Such/Method", "/", "//", "/helloworld.Greeter"]
    {
        let ended = raw.call(raw.head(path), bytes::Bytes::new()).await.unwrap();
        assert_eq!((ended.status.as_u16(), ended.grpc_status()), (200, "12"), "{path}");
    }
}
