//! h2load, and whether the server counted what it sent.

use std::{env, fs, path::PathBuf, process};

use http::{Method, StatusCode};
use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{example::Example, programs, raw, wait};
use tokio::process::Command;

/// A file with one SayHello, for h2load to send; removed when dropped.
struct Body(PathBuf);

impl Body {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("rootcap-test-{}-{name}", process::id()));
        fs::write(&path, raw::message(&HelloRequest { name: "load".into() })).unwrap();
        Self(path)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn h2load(program: PathBuf, example: &Example, body: &Body, requests: u32) -> Command {
    let mut command = Command::new(program);
    let requests = requests.to_string();
    command.args(["-n", &requests, "-c", "10", "-m", "10", "-d"]).arg(&body.0);
    command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
    command.arg(format!("http://{}/helloworld.Greeter/SayHello", example.address));
    command.kill_on_drop(true);
    command
}

/// The number before `what` in the line of h2load's output that begins with `line`.
fn number(output: &str, line: &str, what: &str) -> u64 {
    let line = output.lines().find(|found| found.starts_with(line)).expect(output);
    let part = line[line.find(':').unwrap() + 1..].split(',').find(|part| part.contains(what));
    part.expect(output).trim().split(' ').next().unwrap().parse().expect(output)
}

#[tokio::test]
async fn two_hundred_thousand_requests_without_a_failure() {
    const REQUESTS: u32 = 200_000;
    let Some(program) = programs::find("h2load") else { return };
    let example = Example::start("greeter", &[("ROOTCAP_LOG__CALLS", "off")]).await;
    let body = Body::new("200k");
    let output = h2load(program, &example, &body, REQUESTS).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(number(&said, "requests:", "succeeded"), u64::from(REQUESTS), "{said}");
    for failure in ["failed", "errored", "timeout"] {
        assert_eq!(number(&said, "requests:", failure), 0, "{said}");
    }
    assert_eq!(number(&said, "status codes:", "2xx"), u64::from(REQUESTS), "{said}");

    let labels = [("grpc_method", "SayHello")];
    let metrics = example.admin.until("rootcap_calls_in_flight", &labels, 0.0).await;
    assert_eq!(metrics.codes("SayHello"), [("OK", f64::from(REQUESTS))]);
    for name in ["started", "msg_received", "msg_sent"] {
        assert_eq!(
            metrics.sum(&format!("grpc_server_{name}_total"), &labels),
            f64::from(REQUESTS),
            "{name}"
        );
    }
    assert_eq!(metrics.sum("grpc_server_handling_seconds_count", &labels), f64::from(REQUESTS));
    let gone = async || example.admin.connections().await.is_empty().then_some(());
    wait::until("all connections to be gone", gone).await;
}

#[tokio::test]
async fn changes_of_the_log_filter_under_load_fail_no_call() {
    const REQUESTS: u32 = 20_000;
    const FILTERS: [&str; 4] = ["off", "warn", "info,rootcap::call=off", "debug,h2=off,hyper=off"];
    let Some(program) = programs::find("h2load") else { return };
    let example = Example::start("greeter", &[("ROOTCAP_LOG__CALLS", "errors")]).await;
    let body = Body::new("filters");
    let mut command = h2load(program, &example, &body, REQUESTS);
    let load = tokio::spawn(async move { command.output().await });
    let mut changes = 0;
    while changes < 200 || !load.is_finished() {
        let filter = FILTERS[changes % FILTERS.len()];
        let (status, text) = example.admin.send(Method::PUT, "/debug/log", filter).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        changes += 1;
    }
    let output = wait::for_end("h2load", load).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(number(&said, "status codes:", "2xx"), u64::from(REQUESTS), "{said}");
    let metrics = example.admin.at_rest().await;
    assert_eq!(metrics.codes("SayHello"), [("OK", f64::from(REQUESTS))]);
    let told = async || {
        let lines = example.lines();
        let told = lines.iter().filter(|line| line.contains("changed through the admin port"));
        (told.count() == changes).then_some(())
    };
    wait::until("a line for each change", told).await;
}

/// h2load does not connect again after a GOAWAY: it counts what it then could not send, and what the server refused
/// to begin, as errored. What must hold is that whatever the server began, it finished, and that its answer arrived.
#[tokio::test]
async fn a_drain_under_load_loses_no_call() {
    let Some(program) = programs::find("h2load") else { return };
    let settings = [("ROOTCAP_LOG__CALLS", "end"), ("ROOTCAP_LOG__FORMAT", "json")];
    let mut example = Example::start("greeter", &settings).await;
    let body = Body::new("drain");
    let mut command = h2load(program, &example, &body, 1_000_000);
    let load = tokio::spawn(async move { command.output().await });
    let begun = async || {
        let metrics = example.admin.metrics().await;
        (metrics.handled("SayHello", "OK") >= 2_000.0).then_some(())
    };
    wait::until("the load", begun).await;
    example.signal("TERM");
    assert!(example.wait().await.success());
    let output = wait::for_end("h2load", load).await.unwrap().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let succeeded = number(&said, "requests:", "succeeded");
    assert!(succeeded >= 2_000, "{said}");
    assert_eq!(
        number(&said, "status codes:", "2xx"),
        number(&said, "requests:", "succeeded"),
        "{said}"
    );
    for class in ["3xx", "4xx", "5xx"] {
        assert_eq!(number(&said, "status codes:", class), 0, "{said}");
    }
    let lines = example.lines();
    let ends: Vec<_> = lines.iter().filter(|line| line.contains("finished call")).collect();
    let failed: Vec<_> = ends.iter().filter(|line| !line.contains(r#""grpc.code":"OK""#)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(ends.len() as u64, succeeded, "{said}");
}
