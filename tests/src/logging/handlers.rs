//! What handlers log, and how they panic.

use std::path::Path;

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::example::{self, Example};

use super::{channel, known, lines, with_message};

/// The program of `src/bin/server.rs`.
pub(super) async fn logging_server(settings: &[(&str, &str)]) -> Example {
    let path = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    Example::spawn(example::program(path, settings)).await
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
    // What the handler logs used to carry no ids there.
    assert!(with_id("handling"), "{lines:?}");
}
