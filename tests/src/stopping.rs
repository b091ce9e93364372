//! Who asks a server to stop, and what a server that its program stops leaves alone.

use std::{
    fs,
    future::pending,
    os::unix::process::ExitStatusExt,
    path::Path,
    time::{Duration, Instant},
};

use http::StatusCode;
use rootcap::{Running, config::Config};
use rootcap_proto::{
    helloworld::HelloRequest,
    testing::{BlockRequest, SleepRequest, faults_client::FaultsClient},
};
use rootcap_tests::{
    admin::Admin,
    example::{self, Example},
    server::{builder, connect, greeter, services},
    wait,
};
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle};
use tonic::transport::Channel;

/// Resolves when the sender is dropped, or used.
fn asked() -> (oneshot::Sender<()>, impl Future<Output = ()> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (sender, async { drop(receiver.await) })
}

/// The test server as a process, which stops at SIGUSR2 and owns all other signals.
async fn process(settings: &[(&str, &str)]) -> Example {
    let path = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    let settings = [&[("TEST_SHUTDOWN", "yes")], settings].concat();
    Example::spawn(example::program(path, &settings)).await
}

async fn faults(example: &Example) -> FaultsClient<Channel> {
    let address = format!("http://{}", example.address);
    FaultsClient::connect(address).await.unwrap()
}

async fn not_ready(admin: Admin) {
    let draining =
        async || (admin.status("/readyz").await == StatusCode::SERVICE_UNAVAILABLE).then_some(());
    wait::until("the drain to begin", draining).await;
}

#[tokio::test]
async fn a_future_drains_a_server_that_was_started_with_the_lame_duck_delay() {
    let (stop, stopped) = asked();
    let lame = |settings: &mut Config| settings.drain.lame_duck = Duration::from_secs(1);
    let server = builder().configure(lame).shutdown_on(stopped).start(services()).await.unwrap();
    let begun = Instant::now();
    stop.send(()).unwrap();
    not_ready(Admin::of(&server)).await;
    greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();
    wait::for_end("the drain", server.wait()).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// `serve` in the background, and its server's addresses.
async fn serve(
    change: impl FnOnce(&mut Config),
    stopped: impl Future<Output = ()> + Send + 'static,
) -> (JoinHandle<Result<(), rootcap::Error>>, Admin, String) {
    let (tell, told) = oneshot::channel();
    let on_start = |server: &Running| {
        tell.send((Admin::of(server), server.local_addr().to_string())).unwrap();
    };
    let builder = builder().configure(change).shutdown_on(stopped).on_start(on_start);
    let serving = tokio::spawn(builder.serve(services()));
    let (admin, address) = told.await.unwrap();
    (serving, admin, address)
}

#[tokio::test]
async fn serve_returns_when_the_future_is_ready_and_the_calls_have_finished() {
    let (stop, stopped) = asked();
    let (serving, admin, address) = serve(|_| {}, stopped).await;
    let mut client = FaultsClient::connect(format!("http://{address}")).await.unwrap();
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 500 }).await });
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    drop(stop);
    wait::for_end("the drain", serving).await.unwrap().unwrap();
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn serve_returns_that_calls_were_cut() {
    let (stop, stopped) = asked();
    let short = |settings: &mut Config| settings.drain.deadline = Duration::from_millis(200);
    let (serving, admin, address) = serve(short, stopped).await;
    let mut client = FaultsClient::connect(format!("http://{address}")).await.unwrap();
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 600_000 }).await });
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    drop(stop);
    let error = wait::for_end("the drain", serving).await.unwrap().unwrap_err();
    assert!(error.is_cut(), "{error:?}");
    call.await.unwrap().unwrap_err();
}

/// Its drain goes on without anybody who waits for it.
#[tokio::test]
async fn dropping_what_serve_returned_drains() {
    let (serving, admin, address) = serve(|_| {}, pending()).await;
    let mut client = FaultsClient::connect(format!("http://{address}")).await.unwrap();
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 500 }).await });
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    serving.abort();
    let refused = async || TcpStream::connect(&*address).await.is_err().then_some(());
    wait::until("connections to be refused", refused).await;
    call.await.unwrap().unwrap();
    let gone = async || TcpStream::connect(admin.address()).await.is_err().then_some(());
    wait::until("the admin port to be gone", gone).await;
}

#[tokio::test]
async fn dropping_the_wait_drains() {
    let server = builder().start(services()).await.unwrap();
    let address = server.local_addr();
    assert!(tokio::time::timeout(Duration::ZERO, server.wait()).await.is_err());
    let refused = async || TcpStream::connect(address).await.is_err().then_some(());
    wait::until("connections to be refused", refused).await;
}

#[tokio::test]
async fn a_future_that_panics_counts_as_ready() {
    let (stop, stopped) = asked();
    let panics = async {
        stopped.await;
        panic!("as the test wants it");
    };
    let server = builder().shutdown_on(panics).start(services()).await.unwrap();
    connect(&server).await;
    drop(stop);
    wait::for_end("the drain", server.wait()).await.unwrap();
}

#[tokio::test]
async fn the_last_future_counts_and_is_dropped_with_a_server_that_stops_for_another_reason() {
    let (held, mut dropped) = oneshot::channel::<()>();
    let holds = async move {
        pending::<()>().await;
        drop(held);
    };
    let server =
        builder().shutdown_on(async {}).shutdown_on(holds).start(services()).await.unwrap();
    greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();
    assert_eq!(dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    server.stop();
    wait::for_end("the drain", server.wait()).await.unwrap();
    wait::for_end("the future's end", dropped).await.unwrap_err();
}

/// Without a handler, a signal is what the system makes of it: the end.
#[tokio::test]
async fn a_program_that_owns_its_signals_has_no_handler_of_the_servers() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("USR1", 10)] {
        let mut example = process(&[]).await;
        example.signal(name);
        assert_eq!(example.wait().await.signal(), Some(number));
    }
}

/// A blocked worker, which under signals of the server's own would have the process ended a second after the deadline.
#[tokio::test]
async fn the_future_is_heard_while_all_workers_are_blocked_and_the_process_is_not_ended() {
    let settings = [("ROOTCAP_DRAIN__DEADLINE", "0s"), ("TOKIO_WORKER_THREADS", "1")];
    let mut example = process(&settings).await;
    let mut client = faults(&example).await;
    let blocks = Duration::from_secs(5);
    let begun = Instant::now();
    let millis = u32::try_from(blocks.as_millis()).unwrap();
    let call = tokio::spawn(async move { client.block(BlockRequest { millis }).await });
    example.admin.until("rootcap_calls_in_flight", &[("grpc_method", "Block")], 1.0).await;
    example.signal("USR2");
    not_ready(example.admin).await;
    let threads = fs::read_dir(format!("/proc/{}/task", example.pid())).unwrap();
    let names = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")));
    assert!(names.flatten().all(|name| name.trim() != "rootcap-leave"));
    let status = example.wait().await;
    assert!(begun.elapsed() >= blocks, "{:?}", begun.elapsed());
    assert_eq!(status.code(), Some(1), "the call was cut: {:?}", example.lines());
    call.abort();
}
