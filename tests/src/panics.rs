//! A panic ends its call and no other, and says nothing to the caller but where to ask.

use std::{
    convert::Infallible,
    process::Stdio,
    task::{Context, Poll},
};

use http::Request;
use rootcap_examples::faults::SECRET_PANIC_TEXT;
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{PanicMidStreamRequest, PanicRequest, SleepRequest, faults_client::FaultsClient},
};
use rootcap_tests::{
    admin::Admin,
    example,
    server::{builder, connect, faults, greeter, services, start},
    wait,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::{Layer, Service};

/// The status that a caller sees of a panic.
fn says_where_to_ask(status: &Status, id: &str) {
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains(id), "{status:?}");
    let all = format!("{status:?}");
    assert!(!all.contains(SECRET_PANIC_TEXT), "{all}");
}

fn with_id<T>(message: T, id: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    request
}

#[tokio::test]
async fn a_panic_in_a_handler() {
    let server = start(|_| {}).await;
    let mut client = faults(&server).await;
    let status = client.panic(with_id(PanicRequest {}, "ask-me-1")).await.unwrap_err();
    says_where_to_ask(&status, "ask-me-1");
    let metrics = Admin::of(&server).at_rest().await;
    assert_eq!(metrics.codes("Panic"), [("Internal", 1.0)]);
    assert_eq!(metrics.sum("rootcap_panics_total", &[("grpc_method", "Panic")]), 1.0);
    assert_eq!(metrics.sum("rootcap_panics_total", &[]), 1.0);
}

#[tokio::test]
async fn a_panic_while_streaming() {
    let server = start(|_| {}).await;
    let request = with_id(PanicMidStreamRequest { after: 3 }, "ask-me-2");
    let mut replies = faults(&server).await.panic_mid_stream(request).await.unwrap().into_inner();
    for index in 0..3 {
        assert_eq!(replies.message().await.unwrap().unwrap().index, index);
    }
    says_where_to_ask(&replies.message().await.unwrap_err(), "ask-me-2");
    let metrics = Admin::of(&server).at_rest().await;
    assert_eq!(metrics.codes("PanicMidStream"), [("Internal", 1.0)]);
    assert_eq!(metrics.sum("rootcap_panics_total", &[("grpc_method", "PanicMidStream")]), 1.0);
}

/// Panics for one method: when asked whether it is ready, when called, or when its future is polled.
#[derive(Clone)]
struct Panicking<S> {
    when: When,
    inner: S,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Ready,
    Called,
    Polled,
}

impl<S, B> Service<Request<Body>> for Panicking<S>
where
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<S::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        assert!(self.when != When::Ready, "{SECRET_PANIC_TEXT}");
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let greeter = request.uri().path().contains("Greeter");
        assert!(self.when != When::Called || !greeter, "{SECRET_PANIC_TEXT}");
        let call = self.inner.call(request);
        let polled = self.when == When::Polled && greeter;
        Box::pin(async move {
            assert!(!polled, "{SECRET_PANIC_TEXT}");
            call.await
        })
    }
}

#[derive(Clone, Copy)]
struct PanickingLayer(When);

impl<S> Layer<S> for PanickingLayer {
    type Service = Panicking<S>;

    fn layer(&self, inner: S) -> Panicking<S> {
        Panicking { when: self.0, inner }
    }
}

#[tokio::test]
async fn a_panic_in_a_layer() {
    for when in [When::Ready, When::Called, When::Polled] {
        let server = builder().layer(PanickingLayer(when)).start(services()).await.unwrap();
        let request = with_id(HelloRequest::default(), "ask-me-3");
        let mut client = greeter(&server).await;
        let status = client.say_hello(request).await.unwrap_err();
        says_where_to_ask(&status, "ask-me-3");
        let again = client.say_hello(HelloRequest::default()).await.unwrap_err();
        assert_eq!(again.code(), Code::Internal, "the connection goes on");
        let metrics = Admin::of(&server).at_rest().await;
        assert_eq!(metrics.sum("rootcap_panics_total", &[("grpc_method", "SayHello")]), 2.0);
    }
}

/// The standard library's panic hook writes to stderr, on the thread that panicked: with a pipe that nobody read, each
/// worker came to wait for its reader.
#[tokio::test]
async fn a_stderr_that_nobody_reads_holds_up_no_call() {
    let mut command = example::command("faults", &[("ROOTCAP_LOG__FILTER", "error")]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = output.next_line().await.unwrap().unwrap();
    let address = format!("http://{}", address.rsplit(' ').next().unwrap());
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = output.next_line().await {} });
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    // A pipe takes 64 KiB, and a message of the standard library more than 64 bytes.
    let mut client = FaultsClient::new(channel);
    for _ in 0..1_100 {
        let panicking = client.panic(PanicRequest {});
        let status = wait::for_end("a panic", panicking).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
    }
    drop(child.stderr.take());
    reading.abort();
}

#[tokio::test]
async fn other_calls_on_the_connection_go_on() {
    let server = start(|_| {}).await;
    let channel = connect(&server).await;
    let mut slow = FaultsClient::new(channel.clone());
    let sleeping = tokio::spawn(async move { slow.sleep(SleepRequest { millis: 400 }).await });
    let admin = Admin::of(&server);
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    for _ in 0..20 {
        let mut client = FaultsClient::new(channel.clone());
        assert_eq!(client.panic(PanicRequest {}).await.unwrap_err().code(), Code::Internal);
        GreeterClient::new(channel.clone()).say_hello(HelloRequest::default()).await.unwrap();
    }
    sleeping.await.unwrap().unwrap();
    assert_eq!(admin.connections().await.len(), 1);
}
