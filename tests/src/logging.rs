//! The lines that a process writes of its calls.

use std::{path::Path, process::Stdio, time::Duration};

use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{
        FailRequest, PanicRequest, SleepRequest, StreamRequest, faults_client::FaultsClient,
    },
};
use rootcap_tests::{
    admin::Admin,
    example::{self, Example},
    frames::Frames,
    raw, wait,
};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::{Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn channel(example: &Example) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", example.address)).unwrap();
    endpoint.user_agent("tester/1").unwrap().connect().await.unwrap()
}

/// The program of `src/bin/server.rs`.
async fn logging_server(settings: &[(&str, &str)]) -> Example {
    let path = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    Example::spawn(example::program(path, settings)).await
}

/// All lines of the log, read as JSON, once the process has ended.
async fn lines(mut example: Example) -> Vec<Map<String, Value>> {
    example.signal("TERM");
    assert!(example.wait().await.success());
    example.line("the last line", |line| line.contains("drained")).await;
    let lines = example.lines();
    let logged = lines.iter().filter(|line| line.starts_with('{'));
    logged.map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn with_message(lines: &[Map<String, Value>], message: &str) -> Vec<Map<String, Value>> {
    lines.iter().filter(|line| line["message"] == message).cloned().collect()
}

/// A request whose ids are known.
fn known<T>(message: T, id: &str) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", id.parse().unwrap());
    metadata.insert("traceparent", PARENT.parse().unwrap());
    request
}

fn keys(line: &Map<String, Value>) -> Vec<&str> {
    let mut keys: Vec<_> = line.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

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
        example.admin.until("rootcap_calls_in_flight", &[], 0.0).await;
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

/// Calls whose every string wants to be more than a string.
async fn hostile_calls(example: &Example) {
    let nasty: &[u8] = b"\x1b[31m\"} forged=\"1\"\t\x7f \xc2\x9b2J \xff\xfe \xe2\x80\xae end";
    let long = "x".repeat(5_000);
    for (name, value) in
        [("user-agent", nasty), ("user-agent", long.as_bytes()), ("x-request-id", nasty)]
    {
        let mut frames = Frames::connect(example.address).await;
        frames.call(1, b"/helloworld.Greeter/SayHello", (name.as_bytes(), value)).await;
        frames.answers().await;
    }
    let paths = [b"/helloworld.Greeter/".as_slice(), b"/", b"/no.Such/"];
    for path in paths {
        for rest in [nasty, long.as_bytes()] {
            let mut frames = Frames::connect(example.address).await;
            frames.call(1, &[path, rest].concat(), (b"x-any", b"any")).await;
            frames.answers().await;
        }
    }
    let mut client = GreeterClient::new(channel(example).await);
    client.say_hello(HelloRequest::default()).await.unwrap();
    example.admin.until("rootcap_calls_in_flight", &[], 0.0).await;
}

#[tokio::test]
async fn hostile_strings_stay_strings_in_json() {
    let example = Example::start("greeter", &[]).await;
    hostile_calls(&example).await;
    let lines = lines(example).await;
    let finished = with_message(&lines, "finished call");
    let last = finished.last().unwrap();
    let allowed = [&keys(last)[..], &["grpc.message", "rejected_by"]].concat();
    for line in with_message(&lines, "started call").iter().chain(&finished) {
        for (key, value) in line {
            assert!(allowed.contains(&key.as_str()), "a caller added {key}");
            let text = value.as_str().unwrap_or_default();
            assert!(text.len() <= 300, "{key} is cut: {text}");
        }
    }
}

#[tokio::test]
async fn hostile_strings_stay_strings_in_text() {
    let mut example = Example::start("greeter", &[("ROOTCAP_LOG__FORMAT", "text")]).await;
    hostile_calls(&example).await;
    example.signal("TERM");
    assert!(example.wait().await.success());
    example.line("the last line", |line| line.contains("drained")).await;
    let lines = example.lines();
    assert!(lines.iter().any(|line| line.contains("finished call")), "{lines:?}");
    for line in lines {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(line.len() < 2_000, "{line}");
    }
}

#[tokio::test]
async fn what_a_handler_logs_carries_the_ids_of_its_call() {
    let server = logging_server(&[("ROOTCAP_LOG__FILTER", "debug")]).await;
    let mut client = GreeterClient::new(channel(&server).await);
    let ids = ["id-a", "id-b", "id-c"];
    for id in ids {
        client.say_hello(known(HelloRequest { name: id.into() }, id)).await.unwrap();
    }
    let lines = lines(server).await;
    for message in ["handling", "handled"] {
        let logged = with_message(&lines, message);
        let found: Vec<_> =
            logged.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
        assert_eq!(found, ids, "{message}");
        assert!(logged.iter().all(|line| line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"));
    }
    assert_eq!(with_message(&lines, "handling")[0]["name"], "id-a");
}

#[tokio::test]
async fn a_filter_is_a_setting_and_so_is_rust_log() {
    for (settings, expected) in
        [(("ROOTCAP_LOG__FILTER", "warn"), 0), (("RUST_LOG", "warn"), 0), (("RUST_LOG", "info"), 1)]
    {
        let mut server = logging_server(&[settings]).await;
        let mut client = GreeterClient::new(channel(&server).await);
        client.say_hello(HelloRequest::default()).await.unwrap();
        server.signal("TERM");
        assert!(server.wait().await.success());
        let lines = server.lines();
        let count = lines.iter().filter(|line| line.contains("handling")).count();
        assert_eq!(count, expected, "{settings:?}: {lines:?}");
    }
}

#[tokio::test]
async fn a_panic_is_logged_under_the_ids_of_its_call() {
    let server = logging_server(&[]).await;
    let mut client = GreeterClient::new(channel(&server).await);
    let request = known(HelloRequest { name: "panic".into() }, "id-p");
    client.say_hello(request).await.unwrap_err();
    server
        .line("the hook that was there before", |line| line == "the program's own panic hook")
        .await;
    let lines = lines(server).await;
    let panicked: Vec<_> = lines.iter().filter(|line| line.contains_key("panic.message")).collect();
    let [line] = panicked[..] else { panic!("{lines:?}") };
    assert_eq!((&line["level"], &line["request_id"]), (&"ERROR".into(), &"id-p".into()));
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(line["panic.message"].as_str().unwrap().contains("panicking as asked"));
    assert!(line["panic.location"].as_str().unwrap().contains("server.rs:"));
    let backtrace = line["panic.backtrace"].as_str().unwrap();
    assert!(backtrace.contains("server.rs:"), "{backtrace}");
    let finished = &with_message(&lines, "finished call")[0];
    assert_eq!((&finished["grpc.code"], &finished["level"]), (&"Internal".into(), &"ERROR".into()));
}

#[tokio::test]
async fn a_subscriber_of_the_users_own_gets_the_lines_as_events() {
    let mut server = logging_server(&[("TEST_SUBSCRIBER", "own")]).await;
    let mut client = GreeterClient::new(channel(&server).await);
    client.say_hello(known(HelloRequest { name: "x".into() }, "id-s")).await.unwrap();
    server.line("the end of the call", |line| line.contains("finished call")).await;
    server.signal("TERM");
    assert!(server.wait().await.success());
    let lines = server.lines();
    assert!(!lines.iter().any(|line| line.starts_with('{')), "{lines:?}");
    let with_id =
        |text: &str| lines.iter().any(|line| line.contains(text) && line.contains("id-s"));
    assert!(with_id("started call") && with_id("finished call"), "{lines:?}");
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

/// Nobody reads what this process writes.
#[tokio::test]
async fn a_log_that_nobody_reads_drops_lines_and_disturbs_no_call() {
    let settings = [("ROOTCAP_LOG__BUFFER", "64KiB"), ("ROOTCAP_DRAIN__DEADLINE", "1s")];
    let mut command = example::command("greeter", &settings);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut address = async || {
        let line = output.next_line().await.unwrap().unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let (service, admin) = (address().await, Admin::at(address().await.parse().unwrap()));
    let channel =
        Channel::from_shared(format!("http://{service}")).unwrap().connect().await.unwrap();
    let dropped = async || {
        let calls = (0..200).map(|_| {
            let mut client = GreeterClient::new(channel.clone());
            async move { client.say_hello(HelloRequest::default()).await.unwrap() }
        });
        futures_util::future::join_all(calls).await;
        let metrics = admin.metrics().await;
        (metrics.sum("rootcap_log_lines_dropped_total", &[]) > 0.0).then_some(())
    };
    wait::until("lines to be dropped", dropped).await;
}
