//! The filter, changed while the process runs: through the admin port, by a signal, by the program.

use http::{Method, StatusCode};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, server, wait};
use serde_json::{Map, Value};

use super::{channel, handlers::logging_server, lines, with_message};

const PAGE: &str = "/debug/log";

/// A call by this name, after which the handler's line at `debug` is there if it is ever to be.
async fn call(server: &Example, name: &str) {
    let mut client = GreeterClient::new(channel(server).await);
    client.say_hello(HelloRequest { name: name.into() }).await.unwrap();
}

/// The names of the calls of which the handler's line at `debug` was written.
fn handled(lines: &[Map<String, Value>]) -> Vec<&str> {
    let names: Vec<_> = lines.iter().filter(|line| line["message"] == "handled").collect();
    names.iter().map(|line| line["name"].as_str().unwrap()).collect()
}

async fn put(server: &Example, query: &str, filter: &str) -> (StatusCode, String) {
    server.admin.send(Method::PUT, &format!("{PAGE}{query}"), filter).await
}

async fn page(server: &Example) -> Value {
    let (status, text) = server.admin.get("/debug/log?format=json").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_put_holds_until_a_delete_and_both_are_logged() {
    let server = logging_server(&[("RUST_LOG", "warn")]).await;
    let before = page(&server).await;
    assert_eq!(before["set_by"], "settings: environment variable RUST_LOG");
    call(&server, "before").await;
    assert_eq!(put(&server, "?for=5m", "debug").await.0, StatusCode::OK);
    call(&server, "during").await;
    assert_eq!(put(&server, "", "inof").await.0, StatusCode::BAD_REQUEST);
    call(&server, "still").await;
    // The line that tells of this one passes it.
    assert_eq!(put(&server, "?for=off", "off").await.0, StatusCode::OK);
    call(&server, "silence").await;
    let (status, text) = server.admin.send(Method::DELETE, PAGE, "").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert_eq!(page(&server).await, before);
    put(&server, "", "info").await;

    let lines = lines(server).await;
    assert_eq!(handled(&lines), ["during", "still"]);
    let changes: Vec<_> = with_message(&lines, "changed through the admin port");
    let told: Vec<_> = changes
        .iter()
        .map(|line| {
            assert!(line["peer.address"].as_str().unwrap().starts_with("127.0.0.1:"), "{line:?}");
            assert_eq!((&line["path"], &line["what"]), (&PAGE.into(), &"log.filter".into()));
            let text = |key: &str| line.get(key).map_or("", |value| value.as_str().unwrap());
            [text("method"), text("old"), text("new"), text("lasts")]
        })
        .collect();
    assert_eq!(
        told,
        [
            ["PUT", "warn", "debug", "5m0s"],
            ["PUT", "debug", "off", ""],
            ["DELETE", "off", "warn", ""],
            ["PUT", "warn", "info", "10m0s"],
        ]
    );
    let refused = with_message(&lines, "asked for a change through the admin port");
    assert_eq!((refused.len(), &refused[0]["status"]), (1, &400.into()));
    assert!(refused[0]["problem"].as_str().is_some_and(|it| !it.is_empty()), "{refused:?}");
}

#[tokio::test]
async fn a_change_ends_by_itself() {
    let server = logging_server(&[]).await;
    assert_eq!(put(&server, "?for=1s", "debug").await.0, StatusCode::OK);
    call(&server, "during").await;
    let ended = async || (page(&server).await["filter"] == "info").then_some(());
    wait::until("the filter to fall back", ended).await;
    call(&server, "after").await;
    let lines = lines(server).await;
    assert_eq!(handled(&lines), ["during"]);
    let [over] = &with_message(&lines, "the time of a change is over")[..] else {
        panic!("{lines:?}")
    };
    assert_eq!((&over["old"], &over["new"]), (&"debug".into(), &"info".into()));
}

#[tokio::test]
async fn sigusr1_toggles_debug_without_the_noise_of_the_transport() {
    for format in ["json", "text"] {
        let mut server = logging_server(&[("ROOTCAP_LOG__FORMAT", format)]).await;
        let toggle = async |filter: &str| {
            server.signal("USR1");
            let toggled = async || {
                let page = page(&server).await;
                page["filter"].as_str().unwrap().starts_with(filter).then_some(page)
            };
            wait::until("the signal to be handled", toggled).await.0
        };
        call(&server, "before").await;
        let page = toggle("debug,h2=info,").await;
        assert_eq!((&page["set_by"], &page["falls_back_to"]), (&"SIGUSR1".into(), &"info".into()));
        call(&server, "during").await;
        toggle("info").await;
        call(&server, "after").await;
        server.signal("TERM");
        assert!(server.wait().await.success());
        let lines = server.lines();
        let handled: Vec<_> = lines.iter().filter(|line| line.contains("handled")).collect();
        assert!(handled.len() == 1 && handled[0].contains("during"), "{handled:?}");
        let told = lines.iter().filter(|line| line.contains("changed by SIGUSR1")).count();
        assert_eq!(told, 2, "{lines:?}");
        for noise in ["h2::", "hyper::", "hyper_util::", "tokio::", "mio::"] {
            assert!(!lines.iter().any(|line| line.contains(noise)), "{noise} in {lines:?}");
        }
    }
}

#[tokio::test]
async fn a_subscriber_of_the_users_own_is_left_alone() {
    let mut server = logging_server(&[("TEST_SUBSCRIBER", "own")]).await;
    // Without a handler, the signal would end the process.
    server.signal("USR1");
    let line = server.line("the signal", |line| line.contains("SIGUSR1 changes nothing")).await;
    assert!(line.contains("a tracing subscriber of its own"), "{line}");
    assert_eq!(put(&server, "", "debug").await.0, StatusCode::CONFLICT);
    assert_eq!(page(&server).await["filter"], Value::Null);
    server.signal("TERM");
    assert!(server.wait().await.success());
}

/// `start` installs no handler of a signal, and leaves what the program sets to the page.
#[tokio::test]
async fn a_handle_changes_what_is_configured() {
    let server = server::start(|_| {}).await;
    let caught = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = caught.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    const SIGUSR1: u32 = 10;
    assert_eq!(caught & (1 << (SIGUSR1 - 1)), 0, "{caught:x}");
    let error = server.set_log_filter("wran").unwrap_err();
    assert!(format!("{error:?}").contains("did you mean \"warn\""), "{error:?}");
    // The filter is the whole process's: back to what all tests have.
    server.set_log_filter("off,never=info").unwrap();
    assert_eq!(server.log_filter().unwrap(), "off,never=info");
    server.set_log_filter("off").unwrap();
}
