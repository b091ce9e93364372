//! `/debug/calls` and `/debug/latency` of a server that is called.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use rootcap_proto::testing::{
    EchoRequest, SleepRequest, StreamRequest, faults_client::FaultsClient,
};
use rootcap_tests::{
    admin::Admin,
    example::Example,
    raw::{self, Raw},
    server::{connect, faults, start},
    wait,
};
use serde_json::Value;
use tonic::{Code, transport::Channel};

const STREAM: &str = "/rootcap.testing.Faults/Stream";
const COLLECT: &str = "/rootcap.testing.Faults/Collect";

/// A stream that ends when it is given up.
const ENDLESS: StreamRequest = StreamRequest { count: u32::MAX, size: 1_000, interval_millis: 1 };

/// The calls that the query asks for, once there are so many.
async fn shown(admin: &Admin, query: &str, calls: usize) -> Vec<Value> {
    let look = async || {
        let shown = admin.calls(query).await["calls"].as_array().unwrap().clone();
        (shown.len() == calls).then_some(shown)
    };
    wait::until(&format!("{calls} calls of {query:?}"), look).await.0
}

async fn cancel(admin: &Admin, call: &Value) {
    let id = call["id"].as_str().unwrap();
    let (status, text) = admin.send(Method::POST, "/debug/calls", &format!("id={id}")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.starts_with(&format!("told to end: {id}: ")), "{text}");
}

async fn channel(example: &Example) -> Channel {
    let channel = Channel::from_shared(format!("http://{}", example.address)).unwrap();
    channel.connect().await.unwrap()
}

fn sleeps(channel: Channel) -> tokio::task::JoinHandle<Result<(), tonic::Status>> {
    tokio::spawn(async move {
        let request = SleepRequest { millis: 60_000 };
        FaultsClient::new(channel).sleep(request).await.map(drop)
    })
}

/// The reader lets nothing more be sent, once a first message has come.
#[tokio::test]
async fn a_stalled_reader_shows_as_stalled_and_the_time_is_the_clients() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(5_000);
    let raw = Raw::connect_with(server.local_addr(), &builder).await;
    let head = raw.head(STREAM).header("x-request-id", "slow");
    let mut body = raw.begin(head, raw::message(&ENDLESS)).await.unwrap().into_body();
    let first = body.data().await.unwrap().unwrap();

    let call = &shown(&admin, "phase=stalled", 1).await[0];
    assert_eq!((&call["request_id"], &call["method"]), (&"slow".into(), &STREAM.into()), "{call}");
    assert!(call["unsent_bytes"].as_u64().unwrap() > 0, "{call}");
    assert!(call["phase_seconds"]["stalled"].as_f64().unwrap() > 0.0, "{call}");

    // It reads on: the handler is waited for again.
    body.flow_control().release_capacity(first.len()).unwrap();
    let reading = tokio::spawn(async move {
        while let Some(Ok(data)) = body.data().await {
            body.flow_control().release_capacity(data.len()).unwrap();
        }
    });
    let call = shown(&admin, "phase=streaming", 1).await.remove(0);
    assert!(call["phase_seconds"]["stalled"].as_f64().unwrap() > 0.0, "{call}");
    reading.abort();
    let metrics = admin.at_rest().await;
    let phase = |phase| metrics.sum("rootcap_call_phase_seconds_count", &[("phase", phase)]);
    assert_eq!([phase("stalled"), phase("streaming"), phase("queue")], [1.0, 1.0, 0.0]);
}

/// In a process of its own: other tests cancel calls of theirs in this one.
#[tokio::test]
async fn a_call_that_is_cancelled_disappears_and_its_caller_is_told() {
    let example = Example::start("faults", &[]).await;
    let (admin, channel) = (example.admin, channel(&example).await);
    let call = sleeps(channel.clone());
    let row = shown(&admin, "method=Sleep", 1).await.remove(0);
    assert_eq!((&row["phase"], &row["sent_messages"]), (&"handler".into(), &0.into()), "{row}");
    assert_eq!(row["received_messages"], 1, "{row}");
    cancel(&admin, &row).await;
    let status = call.await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "cancelled by an operator"));

    // Half of its answer is out.
    let mut replies = FaultsClient::new(channel).stream(ENDLESS).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    cancel(&admin, &shown(&admin, "method=Stream", 1).await[0]).await;
    let status = loop {
        match replies.message().await {
            Ok(reply) => assert!(reply.is_some(), "it does not end by itself"),
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "cancelled by an operator"));

    let metrics = admin.at_rest().await;
    let canceled = metrics.sum("grpc_server_handled_total", &[("grpc_code", "Canceled")]);
    assert_eq!((canceled, metrics.sum("rootcap_calls_cancelled_total", &[])), (2.0, 2.0));
    assert_eq!(metrics.sum("rootcap_calls_reset_total", &[]), 0.0, "both could be told");
    let (status, text) = admin.send(Method::POST, "/debug/calls", "id=0-0").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
}

/// Its body is not polled: nobody can tell its caller. In a process of its own, as above.
#[tokio::test]
async fn a_stalled_call_that_is_cancelled_is_reset() {
    let example = Example::start("faults", &[]).await;
    let admin = example.admin;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::connect_with(example.address, &builder).await;
    let mut body = raw.begin(raw.head(STREAM), raw::message(&ENDLESS)).await.unwrap().into_body();
    cancel(&admin, &shown(&admin, "phase=stalled", 1).await[0]).await;
    let reset = wait::for_end("the reset", body.data()).await.unwrap().unwrap_err();
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
    let metrics = admin.at_rest().await;
    let canceled = metrics.sum("grpc_server_handled_total", &[("grpc_code", "Canceled")]);
    let reset = metrics.sum("rootcap_calls_reset_total", &[("reason", "cancelled")]);
    assert_eq!((canceled, reset), (1.0, 1.0));
}

#[tokio::test]
async fn a_cancellation_is_in_the_log_with_who_asked_and_in_the_calls_own_line() {
    let example = Example::start("faults", &[]).await;
    let call = sleeps(channel(&example).await);
    cancel(&example.admin, &shown(&example.admin, "", 1).await[0]).await;
    assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Cancelled);
    example.admin.at_rest().await;
    let both = async || {
        let lines = example.lines();
        let has = |parts: [&str; 3]| {
            lines.iter().any(|line| parts.iter().all(|part| line.contains(part)))
        };
        let finished = has(["finished call", "\"Canceled\"", "\"rejected_by\":\"operator\""]);
        let changed =
            has(["changed through the admin port", "/debug/calls", "Faults/Sleep of 127.0.0.1:"]);
        (finished && changed).then_some(())
    };
    wait::until("both lines", both).await;
}

#[tokio::test]
async fn calls_are_sorted_filtered_and_limited() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let raw = Raw::connect(server.local_addr()).await;
    // The handler waits for more of the request.
    let mut open = Vec::new();
    for (messages, timeout) in [(1, "60S"), (3, "20S"), (2, "40S")] {
        let head = raw.head(COLLECT).header("grpc-timeout", timeout);
        let head = head.header("x-request-id", format!("of-{messages}"));
        let (mut stream, response) = raw.open(head).await;
        let message = raw::message(&EchoRequest { payload: Bytes::from_static(b"payload") });
        (0..messages).for_each(|_| stream.send_data(message.clone(), false).unwrap());
        shown(&admin, &format!("method=Collect&phase=body&limit={}", 9 + messages), open.len() + 1)
            .await;
        open.push((stream, response));
    }
    let sleep = sleeps(connect(&server).await);
    shown(&admin, "", 4).await;
    let all_there = async || {
        let rows = admin.calls("method=Collect").await["calls"].as_array().unwrap().clone();
        let sum: u64 = rows.iter().map(|row| row["received_messages"].as_u64().unwrap()).sum();
        (sum == 6).then_some(())
    };
    wait::until("all messages to be there", all_there).await;

    let ids = async |query: &str| {
        let rows = admin.calls(query).await;
        let rows = rows["calls"].as_array().unwrap().clone();
        let id = |row: &Value| row["request_id"].as_str().unwrap().to_owned();
        rows.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(ids("method=Collect").await, ["of-1", "of-3", "of-2"], "the oldest first");
    assert_eq!(ids("method=Collect&sort=left").await, ["of-3", "of-2", "of-1"]);
    assert_eq!(ids("sort=received&limit=2").await, ["of-3", "of-2"]);
    assert_eq!(ids("phase=handler").await.len(), 1);
    assert_eq!(ids("peer=127.0.0.1").await.len(), 4);
    assert_eq!(ids("peer=192.0.2.1").await.len(), 0);
    assert_eq!(ids("method=%2Frootcap.testing.Faults%2FSleep&sort=peer").await.len(), 1);
    let page = admin.calls("limit=1&phase=body").await;
    let numbers = ["in_flight", "matching"].map(|name| page[name].as_u64().unwrap());
    assert_eq!((numbers, &page["by_phase"]["body"]), ([4, 3], &3.into()), "{page}");
    let (status, text) = admin.get("/debug/calls?sort=oldest").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");

    sleep.abort();
    drop((open, raw));
    admin.at_rest().await;
}

#[tokio::test]
async fn latency_is_told_by_method_with_its_errors_and_phases() {
    let server = start(|config| config.deadline.max = Some(Duration::from_millis(500))).await;
    let admin = Admin::of(&server);
    let page = async |query: &str| {
        let (status, text) = admin.get(&format!("/debug/latency?format=json&{query}")).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(page("").await["matching"], 0, "no method has been called");
    let mut client = faults(&server).await;
    for _ in 0..3 {
        client.sleep(SleepRequest { millis: 20 }).await.unwrap();
    }
    // The client has no timeout of its own, which could end the call first.
    client.sleep(SleepRequest { millis: 60_000 }).await.unwrap_err();
    client.echo(EchoRequest::default()).await.unwrap();
    admin.at_rest().await;

    let shown = page("method=Sleep").await;
    let method = &shown["methods"][0];
    assert_eq!(
        (&shown["matching"], &method["method"]),
        (&1.into(), &"/rootcap.testing.Faults/Sleep".into())
    );
    for window in method["windows"].as_array().unwrap() {
        assert_eq!(
            (&window["calls"], &window["errors"]["DeadlineExceeded"]),
            (&4.into(), &1.into()),
            "{window}"
        );
        let [half, most] =
            ["p50_seconds", "p99_9_seconds"].map(|name| window[name].as_f64().unwrap());
        assert!(0.015 < half && half <= most && most < 60.0, "{window}");
        let bars = window["distribution"].as_array().unwrap();
        let calls: u64 = bars.iter().map(|bar| bar["calls"].as_u64().unwrap()).sum();
        assert_eq!(calls, 4, "{window}");
    }
    let handler = method["phases"].as_array().unwrap().iter().find(|row| row["phase"] == "handler");
    assert_eq!(handler.unwrap()["calls"], 4, "{method}");
    assert_eq!(page("").await["matching"], 2);
}
