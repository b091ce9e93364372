//! The lines of calls, and the settings that say which there are.

use std::time::Duration;

use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{
        FailRequest, PanicRequest, SleepRequest, StreamRequest, faults_client::FaultsClient,
    },
};
use rootcap_tests::{example::Example, raw};
use serde_json::Value;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{channel, known, lines, with_message};

#[tokio::test]
async fn a_call_has_a_line_at_its_start_and_one_at_its_end() {
    let example = Example::start("greeter", &[]).await;
    let mut request = known(HelloRequest { name: "x".into() }, "id-1");
    request.set_timeout(Duration::from_secs(30));
    GreeterClient::new(channel(&example).await).say_hello(request).await.unwrap();
    let lines = lines(example).await;
    let [started] = &with_message(&lines, "started call")[..] else { panic!("{lines:?}") };
    let [finished] = &with_message(&lines, "finished call")[..] else { panic!("{lines:?}") };
    for line in [started, finished] {
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["request_id"], "id-1");
        assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(line["span_id"].as_str().unwrap().len(), 16);
        assert_eq!(line["grpc.service"], "helloworld.Greeter");
        assert_eq!(line["grpc.method"], "SayHello");
        assert_eq!(line["grpc.type"], "unary");
        let timestamp = line["timestamp"].as_str().unwrap();
        assert!(timestamp.len() == "2026-01-02T03:04:05.678901Z".len() && timestamp.ends_with('Z'));
        assert!(line["peer.address"].as_str().unwrap().starts_with("127.0.0.1:"));
        assert!(line["user_agent"].as_str().unwrap().starts_with("tester/1"));
        assert!((29_000.0..=30_000.0).contains(&line["grpc.deadline_ms"].as_f64().unwrap()));
    }
    assert_eq!(started["span_id"], finished["span_id"]);
    assert_eq!(finished["grpc.code"], "OK");
    assert!(finished["grpc.time_ms"].as_f64().unwrap() >= 0.0);
    let counts = ["recv_msgs", "sent_msgs", "recv_bytes", "sent_bytes"]
        .map(|key| &finished[&format!("grpc.{key}")]);
    // A prefix, the field, its length, and the text: "x", and "Hello x".
    assert_eq!(counts, [1, 1, 8, 14]);
}

#[tokio::test]
async fn a_failure_has_its_code_its_message_and_its_level() {
    let example = Example::start("faults", &[]).await;
    let mut client = FaultsClient::new(channel(&example).await);
    for code in [5, 13] {
        let message = format!("code {code}\u{1b}[31m {}", "long ".repeat(200));
        client.fail(FailRequest { code, message }).await.unwrap_err();
    }
    let lines = with_message(&lines(example).await, "finished call");
    assert_eq!(
        (&lines[0]["grpc.code"], &lines[1]["grpc.code"]),
        (&"NotFound".into(), &"Internal".into())
    );
    assert_ne!(lines[0]["level"], "ERROR");
    assert_eq!(lines[1]["level"], "ERROR");
    for line in lines {
        let message = line["grpc.message"].as_str().unwrap();
        assert!(message.starts_with("code ") && message.len() <= 300, "{message}");
    }
}

#[tokio::test]
async fn a_setting_says_which_lines_there_are() {
    for (calls, started, finished) in
        [("both", 2, 2), ("end", 0, 2), ("errors", 0, 1), ("off", 0, 0)]
    {
        let example = Example::start("faults", &[("ROOTCAP_LOG__CALLS", calls)]).await;
        let mut client = FaultsClient::new(channel(&example).await);
        client.sleep(SleepRequest::default()).await.unwrap();
        client.fail(FailRequest { code: 13, message: String::new() }).await.unwrap_err();
        let lines = lines(example).await;
        let counts =
            ["started call", "finished call"].map(|message| with_message(&lines, message).len());
        assert_eq!(counts, [started, finished], "{calls}");
    }
}

#[tokio::test]
async fn calls_of_health_and_reflection_are_left_out_unless_a_setting_says_otherwise() {
    for (settings, expected) in [(&[][..], 0), (&[("ROOTCAP_LOG__BUILTIN_CALLS", "on")], 4)] {
        let example = Example::start("greeter", settings).await;
        let channel = channel(&example).await;
        HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
        crate::reflection::list_v1(channel).await.unwrap();
        example.admin.at_rest().await;
        let lines = lines(example).await;
        let count = lines.iter().filter(|line| line.contains_key("grpc.method")).count();
        assert_eq!(count, expected);
    }
}

#[tokio::test]
async fn no_metadata_is_logged_unless_a_setting_lists_it() {
    for (settings, listed) in
        [(&[][..], None), (&[("ROOTCAP_LOG__METADATA", "x-listed")], Some("seen"))]
    {
        let example = Example::start("greeter", settings).await;
        let mut request = known(HelloRequest::default(), "id-2");
        request.metadata_mut().insert("x-listed", "seen".parse().unwrap());
        request.metadata_mut().insert("authorization", "Bearer hidden-token".parse().unwrap());
        GreeterClient::new(channel(&example).await).say_hello(request).await.unwrap();
        let lines = lines(example).await;
        let text = serde_json::to_string(&lines).unwrap();
        assert!(!text.contains("hidden-token"), "{text}");
        assert_eq!(text.contains("\"seen\""), listed.is_some(), "{text}");
        let finished = &with_message(&lines, "finished call")[0];
        let value = finished.get("metadata.x-listed").and_then(Value::as_str);
        assert_eq!(value, listed);
    }
}

#[tokio::test]
async fn what_a_limit_or_a_deadline_ends_says_so() {
    let settings = [("ROOTCAP_LIMITS__RATE", "1/h")];
    let example = Example::start("faults", &settings).await;
    let mut client = FaultsClient::new(channel(&example).await);
    let raw = raw::Raw::connect(example.address).await;
    let head = raw.head("/rootcap.testing.Faults/Sleep").header("grpc-timeout", "20m");
    let ended = raw.call(head, raw::message(&SleepRequest { millis: 60_000 })).await.unwrap();
    assert_eq!(ended.grpc_status(), "4");
    client.sleep(SleepRequest::default()).await.unwrap_err();
    let lines = with_message(&lines(example).await, "finished call");
    let told: Vec<_> =
        lines.iter().map(|line| (&line["grpc.code"], &line["rejected_by"])).collect();
    let expected = [("DeadlineExceeded", "deadline"), ("ResourceExhausted", "rate_limit")];
    assert_eq!(
        told,
        expected
            .map(|(code, policy)| (Value::from(code), Value::from(policy)))
            .each_ref()
            .map(|(a, b)| (a, b))
    );
}

#[tokio::test]
async fn lines_of_a_stream_count_its_messages() {
    let example = Example::start("faults", &[("ROOTCAP_LOG__CALLS", "end")]).await;
    let mut client = FaultsClient::new(channel(&example).await);
    let request = StreamRequest { count: 50, size: 1, interval_millis: 0 };
    let mut replies = client.stream(request).await.unwrap().into_inner();
    while replies.message().await.unwrap().is_some() {}
    client.panic(PanicRequest {}).await.unwrap_err();
    let lines = with_message(&lines(example).await, "finished call");
    assert_eq!(
        (&lines[0]["grpc.type"], &lines[0]["grpc.sent_msgs"]),
        (&"server_stream".into(), &50.into())
    );
}
