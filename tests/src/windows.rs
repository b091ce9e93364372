//! How far a caller may send ahead: an honest one keeps its connection, however small its messages are.

use bytes::Bytes;
use futures_util::{StreamExt, future::poll_fn, stream};
use h2::SendStream;
use prost::Message;
use rootcap_examples::faults_plan::Phase;
use rootcap_proto::testing::{CollectReply, CollectRequest};
use rootcap_tests::{
    raw::Raw,
    server::{faults, start},
    wait,
};
use tokio::time::timeout;
use tonic::Request;

/// How long the handler stalls, in milliseconds, before it reads the first message: longer than the window lasts.
const STALL: &str = "2000";

/// Messages with their prefixes: none can be smaller than the first; the other has a payload that is empty.
const TINY: [&[u8]; 2] = [b"\0\0\0\0\0", b"\0\0\0\0\x02\x0a\0"];

/// Sends messages as fast as flow control lets it, each in a DATA frame of its own.
async fn send(mut requests: SendStream<Bytes>, message: Bytes, mut count: usize) {
    while count > 0 {
        requests.reserve_capacity(message.len() * count.min(1_000));
        poll_fn(|cx| requests.poll_capacity(cx)).await.unwrap().unwrap();
        let now = count.min(requests.capacity() / message.len());
        for _ in 0..now {
            requests.send_data(message.clone(), false).unwrap();
        }
        count -= now;
    }
    requests.send_data(Bytes::new(), true).unwrap();
}

/// h2 closes a connection on which more tiny frames wait than its budget allows, which is half of the connection's
/// window: with only four times the window of a stream it closed this one.
#[tokio::test]
async fn a_million_tiny_messages_wait_for_a_handler_that_stalls() {
    for (message, count) in TINY.into_iter().zip([50_000, 1_000_000]) {
        let server = start(|_| {}).await;
        let raw = Raw::connect(server.local_addr()).await;
        let head = raw.head("/rootcap.testing.Faults/Collect").header(Phase::Before.key(), STALL);
        let (requests, response) = raw.open(head).await;
        let sent = tokio::spawn(send(requests, Bytes::from_static(message), count));
        let answered = timeout(5 * wait::PATIENCE, response).await.expect("an answer");
        let mut body = answered.unwrap().into_body();
        let reply = CollectReply::decode(&body.data().await.unwrap().unwrap()[5..]).unwrap();
        assert_eq!(reply.messages, count as u64);
        sent.await.unwrap();
    }
}

/// Each message is sent by itself: its client has no other at the time.
#[tokio::test]
async fn tiny_messages_of_a_grpc_client_wait_for_a_handler_that_stalls() {
    const COUNT: usize = 100_000;
    let server = start(|_| {}).await;
    let requests = stream::iter(0..COUNT).then(|_| async {
        tokio::task::yield_now().await;
        CollectRequest::default()
    });
    let mut request = Request::new(requests);
    request.metadata_mut().insert(Phase::Before.key(), STALL.parse().unwrap());
    let mut client = faults(&server).await;
    let reply = wait::for_end("the answer", client.collect(request)).await.unwrap();
    assert_eq!(reply.into_inner().messages, COUNT as u64);
}
