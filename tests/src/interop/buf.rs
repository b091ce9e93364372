//! `buf curl`, which knows of a server only what reflection tells.

use std::path::{Path, PathBuf};

use rootcap_tests::{example::Example, programs, wait};
use serde_json::{Value, json};
use tokio::process::Command;
use tonic::Code;

/// `buf curl`, and the example that it calls.
struct Curl {
    buf: PathBuf,
    example: Example,
}

/// What a call printed, and its exit code.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Curl {
    /// Starts the example; `None` where there is no buf.
    async fn start() -> Option<Self> {
        let buf = programs::buf()?;
        Some(Self { buf, example: Example::start("interop", &[]).await })
    }

    async fn run(&self, path: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new::<&Path>(&self.buf);
        command.args(["curl", "--protocol", "grpc", "--http2-prior-knowledge"]).args(arguments);
        command.arg(format!("http://{}{path}", self.example.address)).kill_on_drop(true);
        let output = wait::for_end("buf curl", command.output()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    async fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let said = self.run("", arguments).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out.lines().map(str::to_owned).collect()
    }

    /// Calls a method with these messages; what it answered.
    async fn call(&self, method: &str, messages: &[Value]) -> Vec<Value> {
        let messages: String = messages.iter().map(Value::to_string).collect();
        let path = format!("/grpc.testing.TestService/{method}");
        let said = self.run(&path, &["--data", &messages]).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        let answers = serde_json::Deserializer::from_str(&said.out).into_iter();
        answers.collect::<Result<_, _>>().unwrap()
    }
}

#[tokio::test]
async fn it_lists_services_and_methods() {
    let Some(curl) = Curl::start().await else { return };
    let services = curl.lines(&["--list-services"]).await;
    let expected = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.testing.TestService",
    ];
    assert_eq!(services, expected);
    let methods = curl.lines(&["--list-methods"]).await;
    for method in ["grpc.testing.TestService/HalfDuplexCall", "grpc.health.v1.Health/Watch"] {
        assert!(methods.iter().any(|listed| listed == method), "{method} is missing: {methods:?}");
    }
}

#[tokio::test]
async fn it_calls_methods_of_every_kind() {
    let Some(curl) = Curl::start().await else { return };
    let payload = |body: &str| json!({ "payload": { "body": body } });
    let zeros = payload("AAAA");
    assert_eq!(curl.call("EmptyCall", &[json!({})]).await, [json!({})]);
    let answers = curl.call("UnaryCall", &[json!({ "responseSize": 3 })]).await;
    assert_eq!(answers, std::slice::from_ref(&zeros));
    let two = json!({ "responseParameters": [{ "size": 3 }, { "size": 3, "intervalUs": 1000 }] });
    let streamed = curl.call("StreamingOutputCall", std::slice::from_ref(&two)).await;
    assert_eq!(streamed, [zeros.clone(), zeros.clone()]);
    let collected = curl.call("StreamingInputCall", &[payload("AAAA"), payload("AA==")]).await;
    assert_eq!(collected, [json!({ "aggregatedPayloadSize": 4 })]);
    for method in ["FullDuplexCall", "HalfDuplexCall"] {
        let answers = curl.call(method, &[two.clone(), json!({}), two.clone()]).await;
        assert_eq!(answers, vec![zeros.clone(); 4], "{method}");
    }
}

#[tokio::test]
async fn it_tells_the_code_of_a_call_that_fails() {
    let Some(curl) = Curl::start().await else { return };
    let status =
        json!({ "responseStatus": { "code": Code::Aborted as i32, "message": "n\u{f6} \n" } });
    let path = "/grpc.testing.TestService/UnaryCall";
    let said = curl.run(path, &["--data", &status.to_string()]).await;
    // As its help says.
    assert_eq!(said.code, Some((Code::Aborted as i32) << 3), "{}", said.err);
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((&error["code"], &error["message"]), (&json!("aborted"), &json!("n\u{f6} \n")));
}
