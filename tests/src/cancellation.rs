//! A caller that goes away: the call ends at once, and is counted as what it was.

use rootcap_proto::testing::{ChatRequest, SleepRequest, StreamRequest};
use rootcap_tests::{
    admin::Admin,
    raw::{self, Raw},
    server::{self, start},
    wait,
};

const IN_FLIGHT: &str = "rootcap_calls_in_flight";

#[tokio::test]
async fn a_call_that_the_client_drops_is_canceled() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let mut client = server::faults(&server).await;
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 600_000 }).await });
    admin.until(IN_FLIGHT, &[("grpc_method", "Sleep")], 1.0).await;
    call.abort();
    let metrics = admin.until(IN_FLIGHT, &[("grpc_method", "Sleep")], 0.0).await;
    assert_eq!(metrics.codes("Sleep"), [("Canceled", 1.0)]);
}

#[tokio::test]
async fn a_stream_that_the_client_drops_is_canceled() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let request = StreamRequest { count: 100_000, size: 10, interval_millis: 1 };
    let mut replies = server::faults(&server).await.stream(request).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    drop(replies);
    let metrics = admin.until(IN_FLIGHT, &[("grpc_method", "Stream")], 0.0).await;
    assert_eq!(metrics.codes("Stream"), [("Canceled", 1.0)]);
}

/// Raw, because tonic's client does not give up a stream while its requests go on.
#[tokio::test]
async fn a_bidirectional_stream_that_the_client_drops_is_canceled() {
    let server = start(|_| {}).await;
    let raw = Raw::connect(server.local_addr()).await;
    let head = raw.head("/rootcap.testing.Faults/Chat");
    let (mut requests, response) = raw.open(head).await;
    requests.send_data(raw::message(&ChatRequest::default()), false).unwrap();
    let mut replies = response.await.unwrap().into_body();
    replies.data().await.unwrap().unwrap();
    drop((requests, replies));
    let metrics = Admin::of(&server).until(IN_FLIGHT, &[("grpc_method", "Chat")], 0.0).await;
    assert_eq!(metrics.codes("Chat"), [("Canceled", 1.0)]);
    assert_eq!(metrics.sum("grpc_server_msg_sent_total", &[("grpc_method", "Chat")]), 1.0);
}

#[tokio::test]
async fn a_connection_that_breaks_cancels_its_calls() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let (runtime_ends, end) = tokio::sync::oneshot::channel::<()>();
    let address = server.local_addr();
    // The client's connection ends with its runtime.
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let raw = Raw::connect(address).await;
            let head = raw.head("/rootcap.testing.Faults/Sleep");
            let call = raw.call(head, raw::message(&SleepRequest { millis: 600_000 }));
            tokio::select! {
                _ = call => panic!("the call ended"),
                _ = end => {}
            }
        });
    });
    admin.until(IN_FLIGHT, &[("grpc_method", "Sleep")], 1.0).await;
    runtime_ends.send(()).unwrap();
    let metrics = admin.until(IN_FLIGHT, &[("grpc_method", "Sleep")], 0.0).await;
    assert_eq!(metrics.codes("Sleep"), [("Canceled", 1.0)]);
    wait::until("the connection to be gone", async || {
        admin.connections().await.is_empty().then_some(())
    })
    .await;
    client.join().unwrap();
}
