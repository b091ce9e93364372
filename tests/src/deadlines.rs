//! Deadlines bound the whole call, whatever the handler, the stream or the reader does.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rootcap::{Running, config::Config};
use rootcap_layers::Call;
use rootcap_proto::{
    helloworld::{
        HelloReply, HelloRequest,
        greeter_server::{Greeter, GreeterServer},
    },
    testing::{EchoRequest, SleepRequest, StreamRequest},
};
use rootcap_tests::{
    admin::Admin,
    raw::{self, Raw},
    server::{builder, connect, faults, greeter, start},
    wait,
};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const LONG: SleepRequest = SleepRequest { millis: 600_000 };
const ENDLESS: StreamRequest = StreamRequest { count: u32::MAX, size: 10, interval_millis: 20 };
const IN_FLIGHT: &str = "rootcap_calls_in_flight";

/// `DEADLINE_EXCEEDED`, as in `grpc-status`.
const EXCEEDED: &str = "4";

/// The client has a timer of its own, so the call is made by hand: what answers is the server.
#[tokio::test]
async fn a_call_is_answered_when_its_time_is_up() {
    let server = start(|_| {}).await;
    let raw = Raw::connect(server.local_addr()).await;
    let head = raw.head("/rootcap.testing.Faults/Sleep").header("grpc-timeout", "100m");
    let begin = Instant::now();
    let ended = raw.call(head, raw::message(&LONG)).await.unwrap();
    assert_eq!(ended.grpc_status(), EXCEEDED);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    let metrics = Admin::of(&server).until(IN_FLIGHT, &[], 0.0).await;
    assert_eq!(metrics.codes("Sleep"), [("DeadlineExceeded", 1.0)]);
}

#[tokio::test]
async fn a_stream_ends_when_its_time_is_up() {
    let server = start(|_| {}).await;
    let raw = Raw::connect(server.local_addr()).await;
    let head = raw.head("/rootcap.testing.Faults/Stream").header("grpc-timeout", "200m");
    let ended = raw.call(head, raw::message(&ENDLESS)).await.unwrap();
    assert_eq!(ended.trailers["grpc-status"], EXCEEDED);
    assert!(!ended.body.is_empty(), "messages came before");
    let metrics = Admin::of(&server).until(IN_FLIGHT, &[], 0.0).await;
    assert_eq!(metrics.codes("Stream"), [("DeadlineExceeded", 1.0)]);
}

/// Calls a method with a timeout, over a connection on which nothing of any body may be sent, ever; returns how long
/// it took to be reset.
async fn stalled(server: &Running, method: &str, message: Bytes) -> Duration {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::connect_with(server.local_addr(), &builder).await;
    let path = format!("/rootcap.testing.Faults/{method}");
    let head = raw.head(&path).header("grpc-timeout", "200m");
    let begin = Instant::now();
    let mut body = raw.begin(head, message).await.unwrap().into_body();
    let ended = wait::for_end("the end of a stalled call", body.data()).await;
    assert!(ended.is_none_or(|data| data.is_err()), "the stream is reset");
    begin.elapsed()
}

#[tokio::test]
async fn a_call_ends_when_its_time_is_up_though_its_reader_stalls() {
    let server = start(|_| {}).await;
    let endless = StreamRequest { size: 100_000, interval_millis: 0, ..ENDLESS };
    let large = EchoRequest { payload: vec![0; 1_000_000].into() };
    for (method, message) in [("Stream", raw::message(&endless)), ("Echo", raw::message(&large))] {
        assert!(stalled(&server, method, message).await >= Duration::from_millis(200));
        let metrics = Admin::of(&server).until(IN_FLIGHT, &[], 0.0).await;
        assert_eq!(metrics.codes(method), [("DeadlineExceeded", 1.0)], "{method}");
    }
}

#[tokio::test]
async fn a_client_stream_ends_when_its_time_is_up() {
    let server = start(|_| {}).await;
    let raw = Raw::connect(server.local_addr()).await;
    let head = raw.head("/rootcap.testing.Faults/Collect").header("grpc-timeout", "100m");
    let (_never_ended, response) = raw.open(head).await;
    let response = wait::for_end("the answer", response).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], EXCEEDED);
}

/// Counts its calls and answers with the time that is left, in milliseconds.
#[derive(Default)]
struct Remaining(Arc<AtomicUsize>);

#[tonic::async_trait]
impl Greeter for Remaining {
    async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        self.0.fetch_add(1, Relaxed);
        let remaining = Call::current().unwrap().remaining();
        let message = remaining.map_or("none".to_owned(), |left| left.as_millis().to_string());
        Ok(Response::new(HelloReply { message }))
    }
}

#[tokio::test]
async fn a_call_that_arrives_expired_never_reaches_the_handler() {
    let service = Remaining::default();
    let calls = Arc::clone(&service.0);
    let server = builder().start(GreeterServer::new(service)).await.unwrap();
    let raw = Raw::connect(server.local_addr()).await;
    for timeout in ["0n", "0m", "0S", "00000000H"] {
        let head = raw.head("/helloworld.Greeter/SayHello").header("grpc-timeout", timeout);
        let ended = raw.call(head, raw::message(&HelloRequest::default())).await.unwrap();
        assert_eq!(ended.grpc_status(), EXCEEDED, "{timeout}");
    }
    assert_eq!(calls.load(Relaxed), 0);
}

/// As the docs of the deadline's module say, with their reasons.
#[tokio::test]
async fn a_malformed_timeout_is_an_internal_error() {
    let service = Remaining::default();
    let calls = Arc::clone(&service.0);
    let server = builder().start(GreeterServer::new(service)).await.unwrap();
    let raw = Raw::connect(server.local_addr()).await;
    for timeout in ["soon", "5", "S", "-1S", "123456789S", "1s", ""] {
        let head = raw.head("/helloworld.Greeter/SayHello").header("grpc-timeout", timeout);
        let ended = raw.call(head, raw::message(&HelloRequest::default())).await.unwrap();
        assert_eq!(ended.grpc_status(), "13", "{timeout:?}");
        assert!(ended.grpc_message().contains("grpc-timeout"), "{}", ended.grpc_message());
    }
    assert_eq!(calls.load(Relaxed), 0);
}

#[tokio::test]
async fn the_handler_reads_the_time_that_is_left() {
    let server = builder().start(GreeterServer::new(Remaining::default())).await.unwrap();
    let mut client = greeter(&server).await;
    let reply = client.say_hello(HelloRequest::default()).await.unwrap();
    assert_eq!(reply.into_inner().message, "none");
    let mut request = Request::new(HelloRequest::default());
    request.set_timeout(Duration::from_secs(3_600));
    let left: u64 = client.say_hello(request).await.unwrap().into_inner().message.parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

async fn sleep_ends(
    change: impl FnOnce(&mut Config),
    timeout: Option<Duration>,
) -> (Code, Duration) {
    let server = start(change).await;
    let mut request = Request::new(LONG);
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let begin = Instant::now();
    let status = wait::for_end("the deadline", async {
        faults(&server).await.sleep(request).await.unwrap_err()
    });
    let status = status.await;
    let metrics = Admin::of(&server).until(IN_FLIGHT, &[], 0.0).await;
    assert_eq!(metrics.codes("Sleep"), [("DeadlineExceeded", 1.0)]);
    (status.code(), begin.elapsed())
}

#[tokio::test]
async fn a_configured_maximum_bounds_all_calls() {
    let (code, _) = sleep_ends(|settings| settings.deadline.max = Some(millis(100)), None).await;
    assert_eq!(code, Code::DeadlineExceeded);
    let hour = Duration::from_secs(3_600);
    let (code, _) =
        sleep_ends(|settings| settings.deadline.max = Some(millis(100)), Some(hour)).await;
    assert_eq!(code, Code::DeadlineExceeded, "the least counts");
}

#[tokio::test]
async fn a_maximum_of_the_service_or_the_method_stands_in_place_of_the_general_one() {
    let hour = Duration::from_secs(3_600);
    let by_service = |settings: &mut Config| {
        settings.deadline.max = Some(hour);
        settings.deadline.services.insert("rootcap.testing.Faults".into(), millis(100));
    };
    assert_eq!(sleep_ends(by_service, None).await.0, Code::DeadlineExceeded);
    let by_method = |settings: &mut Config| {
        settings.deadline.services.insert("rootcap.testing.Faults".into(), hour);
        settings.deadline.methods.insert("/rootcap.testing.Faults/Sleep".into(), millis(100));
    };
    assert_eq!(sleep_ends(by_method, None).await.0, Code::DeadlineExceeded);
    let longer = |settings: &mut Config| {
        settings.deadline.max = Some(millis(1));
        settings.deadline.methods.insert("/rootcap.testing.Faults/Sleep".into(), hour);
    };
    let server = start(longer).await;
    faults(&server).await.sleep(SleepRequest { millis: 50 }).await.unwrap();
}

#[tokio::test]
async fn a_maximum_does_not_end_a_watch_of_health() {
    let server = start(|settings| settings.deadline.max = Some(millis(50))).await;
    let mut health = HealthClient::new(connect(&server).await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    // A call of the user's, begun later, is over: so the time of the watch would be, too.
    faults(&server).await.sleep(LONG).await.unwrap_err();
    server.health().set("", rootcap::health::ServingStatus::NotServing);
    assert_eq!(wait::for_end("the change", watch.message()).await.unwrap().unwrap().status, 2);
}
