//! The lines that a process writes of its calls.

mod calls;
mod filter;
mod handlers;
mod hostile;

use rootcap_tests::example::Example;
use serde_json::{Map, Value};
use tonic::{Request, transport::Channel};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn channel(example: &Example) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", example.address)).unwrap();
    endpoint.user_agent("tester/1").unwrap().connect().await.unwrap()
}

/// All lines of the log, read as JSON, once the process has ended.
async fn lines(mut example: Example) -> Vec<Map<String, Value>> {
    example.signal("TERM");
    assert!(example.wait().await.success());
    let lines = example.lines();
    assert!(
        lines.last().is_some_and(|line| line.contains("drained")),
        "the end is lost: {lines:?}"
    );
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
