//! The user's own layers, as they work under tonic's server.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use rootcap::health::ServingStatus;
use rootcap_examples::{faults::FaultsService, greeter::GreeterService};
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_server::GreeterServer},
    testing::{
        EchoRequest, SleepRequest, StreamRequest, faults_client::FaultsClient,
        faults_server::FaultsServer,
    },
};
use rootcap_tests::{
    admin::Admin,
    server::{self, builder, connect, services},
    wait,
};
use tonic::{
    Code, Request, Status,
    service::{InterceptorLayer, interceptor::InterceptedService},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{BoxError, ServiceBuilder, limit::ConcurrencyLimitLayer, timeout::TimeoutLayer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    trace::TraceLayer,
};

fn reject(_: Request<()>) -> Result<Request<()>, Status> {
    Err(Status::unauthenticated("who are you?"))
}

fn mark(mut request: Request<()>) -> Result<Request<()>, Status> {
    request.metadata_mut().insert("x-echo-marked", "yes".parse().unwrap());
    Ok(request)
}

#[tokio::test]
async fn an_interceptor_around_one_service() {
    let service = FaultsServer::with_interceptor(FaultsService, mark);
    let server = builder().start(service).await.unwrap();
    let reply = server::faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    assert_eq!(reply.metadata().get("x-echo-marked").unwrap(), "yes");

    let service = InterceptedService::new(FaultsServer::new(FaultsService), reject);
    let server = builder().start(service).await.unwrap();
    let status = server::faults(&server).await.echo(EchoRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_interceptor_around_all_services() {
    let server = builder().layer(InterceptorLayer::new(mark)).start(services()).await.unwrap();
    let mut client = server::faults(&server).await;
    let reply = client.echo(EchoRequest::default()).await.unwrap();
    assert_eq!(reply.metadata().get("x-echo-marked").unwrap(), "yes");
    let request = StreamRequest { count: 3, size: 1, interval_millis: 0 };
    let mut replies = client.stream(request).await.unwrap().into_inner();
    while replies.message().await.unwrap().is_some() {}
}

#[tokio::test]
async fn an_interceptor_that_rejects_is_counted_and_leaves_health_alone() {
    let server = builder().layer(InterceptorLayer::new(reject)).start(services()).await.unwrap();
    let status =
        server::greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "who are you?"));
    assert!(status.metadata().get("x-request-id").is_some());
    let metrics = Admin::of(&server)
        .until("rootcap_calls_in_flight", &[("grpc_method", "SayHello")], 0.0)
        .await;
    assert_eq!(metrics.codes("SayHello"), [("Unauthenticated", 1.0)]);

    let mut health = HealthClient::new(connect(&server).await);
    let request = HealthCheckRequest { service: "helloworld.Greeter".into() };
    assert_eq!(health.check(request.clone()).await.unwrap().into_inner().status, 1);
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    server.health().set("helloworld.Greeter", ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2);
}

#[tokio::test]
async fn tower_https_trace_layer() {
    let server = builder().layer(TraceLayer::new_for_grpc()).start(services()).await.unwrap();
    let mut client = server::faults(&server).await;
    client.echo(EchoRequest { payload: vec![1; 100_000].into() }).await.unwrap();
    let request = StreamRequest { count: 10, size: 10, interval_millis: 0 };
    let mut replies = client.stream(request).await.unwrap().into_inner();
    let mut count = 0;
    while replies.message().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 10);
}

#[tokio::test]
async fn tower_https_other_layers() {
    let id = HeaderName::from_static("x-my-id");
    let server = builder()
        .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(id.clone()))
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("x-set"),
            HeaderValue::from_static("1"),
        ))
        .layer(CatchPanicLayer::new())
        .start(services())
        .await
        .unwrap();
    let reply = server::faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    assert_eq!(reply.metadata().get("x-set").unwrap(), "1");
    assert_eq!(reply.metadata().get("x-my-id").unwrap().len(), 36);
}

#[tokio::test]
async fn a_stack_with_a_concurrency_limit_and_a_timeout() {
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(300)))
        .layer(ConcurrencyLimitLayer::new(2))
        .into_inner();
    let server = builder().layer(stack).start(services()).await.unwrap();
    let channel = connect(&server).await;
    let calls = (0..20).map(|_| {
        let mut client = FaultsClient::new(channel.clone());
        async move { client.sleep(SleepRequest { millis: 5 }).await }
    });
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    let mut client = FaultsClient::new(channel);
    let status = client.sleep(SleepRequest { millis: 60_000 }).await.unwrap_err();
    assert_ne!(status.code(), Code::Ok);
    client.echo(EchoRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_layer_whose_error_is_a_status() {
    let refuse = |_: http::Request<tonic::body::Body>| {
        Err::<http::Request<tonic::body::Body>, BoxError>(
            Status::permission_denied("not you").into(),
        )
    };
    let server =
        builder().layer(tower::filter::FilterLayer::new(refuse)).start(services()).await.unwrap();
    let status =
        server::greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not you"));
}

#[tokio::test]
async fn a_layer_whose_error_is_anything() {
    let refuse = |_: http::Request<tonic::body::Body>| {
        Err::<http::Request<tonic::body::Body>, BoxError>("the disk is on fire".into())
    };
    let server =
        builder().layer(tower::filter::FilterLayer::new(refuse)).start(services()).await.unwrap();
    let mut client = server::greeter(&server).await;
    let status = client.say_hello(HelloRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    let again = client.say_hello(HelloRequest::default()).await.unwrap_err();
    assert_eq!(again.code(), Code::Unknown, "the connection goes on");
}

#[tokio::test]
async fn the_first_layer_is_the_outermost() {
    let name = HeaderName::from_static("x-order");
    let set =
        |value| SetResponseHeaderLayer::overriding(name.clone(), HeaderValue::from_static(value));
    let server = builder().layer(set("outer")).layer(set("inner")).start(services()).await.unwrap();
    let reply = server::faults(&server).await.echo(EchoRequest::default()).await.unwrap();
    assert_eq!(reply.metadata().get("x-order").unwrap(), "outer");
}

#[tokio::test]
async fn a_users_own_health_and_reflection_services_do_not_break() {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<GreeterServer<GreeterService>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(rootcap_proto::FILE_DESCRIPTOR_SET)
        .build_v1()
        .unwrap();
    let server = builder().start(services().add(health).add(reflection)).await.unwrap();
    server::greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();
    let mut client = HealthClient::new(connect(&server).await);
    let request = HealthCheckRequest { service: "helloworld.Greeter".into() };
    assert_eq!(client.check(request).await.unwrap().into_inner().status, 1);
    let services =
        wait::for_end("reflection", crate::reflection::list_v1(connect(&server).await)).await;
    assert!(services.unwrap().contains(&"helloworld.Greeter".to_owned()));
}
