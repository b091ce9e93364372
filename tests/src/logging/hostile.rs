//! Strings that callers control, and a log that nobody reads.

use std::process::Stdio;

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    admin::Admin,
    example::{self, Example},
    frames::Frames,
    wait,
};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, BufReader};
use tonic::transport::Channel;

use super::{channel, lines, with_message};

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
    example.admin.at_rest().await;
}

fn keys(line: &Map<String, Value>) -> Vec<&str> {
    let mut keys: Vec<_> = line.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn hostile_strings_stay_strings_in_json() {
    let example = Example::start("greeter", &[]).await;
    hostile_calls(&example).await;
    let lines = lines(example).await;
    let finished = with_message(&lines, "finished call");
    // Not the last line: a call's may come a moment after its answer.
    let is_honest = |line: &&Map<String, Value>| {
        line.get("user_agent").and_then(Value::as_str).is_some_and(|it| it.starts_with("tester/1"))
    };
    let honest = finished.iter().find(is_honest).expect("a line of the honest call");
    let allowed = [&keys(honest)[..], &["grpc.message", "rejected_by"]].concat();
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
    let lines = example.lines();
    assert!(lines.iter().any(|line| line.contains("finished call")), "{lines:?}");
    for line in lines {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(line.len() < 2_000, "{line}");
    }
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
