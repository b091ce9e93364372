//! What `/connections` shows, and what ends a connection.

use std::time::Duration;

use rootcap::{
    Running,
    config::{Auto, Config},
};
use rootcap_proto::testing::{EchoRequest, SleepRequest, faults_client::FaultsClient};
use rootcap_tests::{
    admin::Admin,
    example::{self, Example},
    frames::Frames,
    server::{connect, endpoint, greeter, start},
    wait,
};
use serde_json::Value;
use tokio::{io::AsyncReadExt, net::TcpStream, process::Command};

/// Waits until `/connections` has so many rows.
async fn rows(server: &Running, count: usize) -> (Vec<Value>, Duration) {
    let admin = Admin::of(server);
    let look = async || {
        let rows = admin.connections().await;
        (rows.len() == count).then_some(rows)
    };
    wait::until(&format!("{count} connections"), look).await
}

/// The promise is 100 ms; a loaded machine that runs the tests beside gets a second.
#[tokio::test]
async fn a_row_comes_and_goes_with_its_connection() {
    let server = start(|_| {}).await;
    assert!(rows(&server, 0).await.0.is_empty());
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (shown, _) = rows(&server, 1).await;
    assert_eq!(shown[0]["Addr"], stream.local_addr().unwrap().to_string());
    assert_eq!(shown[0]["OpenStreams"], 0);
    drop(stream);
    let (_, took) = rows(&server, 0).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_row_counts_streams_and_bytes() {
    let server = start(|_| {}).await;
    let admin = Admin::of(&server);
    let channel = connect(&server).await;
    let mut client = FaultsClient::new(channel.clone());
    for _ in 0..3 {
        client.echo(EchoRequest { payload: vec![0; 10_000].into() }).await.unwrap();
    }
    let call = tokio::spawn(async move { client.sleep(SleepRequest { millis: 600_000 }).await });
    admin.until("rootcap_calls_in_flight", &[("grpc_method", "Sleep")], 1.0).await;
    let look = async || {
        let row = admin.connections().await.remove(0);
        (row["OpenStreams"] == 1).then_some(row)
    };
    let (row, _) = wait::until("one open stream", look).await;
    assert_eq!(row["TotalStreams"], 4);
    for direction in ["BytesIn", "BytesOut"] {
        let bytes = row[direction].as_u64().unwrap();
        assert!((30_000..40_000).contains(&bytes), "{direction}: {bytes}");
    }
    for duration in ["SessionDuration", "LastActivity"] {
        assert!(row[duration].as_str().unwrap().ends_with('s'), "{row}");
    }
    if cfg!(target_os = "linux") {
        assert!(row["RttMicros"].as_u64().unwrap() > 0, "{row}");
        assert!(row["Retransmits"].is_u64(), "{row}");
    }
    call.abort();
    let look = async || (admin.connections().await[0]["OpenStreams"] == 0).then_some(());
    wait::until("no open stream", look).await;
    drop(channel);
    rows(&server, 0).await;
}

#[tokio::test]
async fn a_connection_without_a_preface_is_closed() {
    let limited =
        |settings: &mut Config| settings.connection.preface_timeout = Duration::from_millis(150);
    let server = start(limited).await;
    let mut silent = TcpStream::connect(server.local_addr()).await.unwrap();
    let mut said = Vec::new();
    wait::for_end("the end of a silent connection", silent.read_to_end(&mut said)).await.unwrap();
    rows(&server, 0).await;
}

#[tokio::test]
async fn an_old_or_idle_connection_is_asked_to_go_and_its_call_finishes() {
    let old =
        |settings: &mut Config| settings.connection.max_age = Some(Duration::from_millis(150));
    let idle =
        |settings: &mut Config| settings.connection.idle_timeout = Some(Duration::from_millis(150));
    for server in [start(old).await, start(idle).await] {
        let mut client = FaultsClient::new(connect(&server).await);
        client.sleep(SleepRequest { millis: 400 }).await.unwrap();
        rows(&server, 0).await;
        client.echo(EchoRequest::default()).await.expect("the client connects again");
    }
}

/// Pings are no calls, and no reason to keep a connection; the answers to them are no reason to keep it beyond the
/// grace either.
#[tokio::test]
async fn a_peer_that_only_pings_is_idle() {
    let idle = |settings: &mut Config| {
        settings.connection.idle_timeout = Some(Duration::from_millis(150));
        settings.connection.max_age_grace = Duration::from_millis(150);
    };
    let server = start(idle).await;
    let mut peer = Frames::connect(server.local_addr()).await;
    let pings = async { while peer.answers().await {} };
    wait::for_end("the end of an idle connection", pings).await;
    rows(&server, 0).await;
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_closed() {
    let keepalive = |settings: &mut Config| {
        settings.connection.keepalive_interval = Some(Duration::from_millis(100));
        settings.connection.keepalive_timeout = Duration::from_millis(100);
    };
    let server = start(keepalive).await;
    let mut peer = Frames::connect(server.local_addr()).await;
    assert!(peer.answers().await);
    rows(&server, 1).await;
    rows(&server, 0).await;
}

#[tokio::test]
async fn connections_beyond_the_cap_are_refused_until_others_end() {
    let server =
        start(|settings: &mut Config| settings.connection.max_connections = Auto::Set(2)).await;
    let first = TcpStream::connect(server.local_addr()).await.unwrap();
    let _second = connect(&server).await;
    rows(&server, 2).await;
    let mut third = TcpStream::connect(server.local_addr()).await.unwrap();
    let ended = wait::for_end("the third to be closed", third.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    let metrics = Admin::of(&server).metrics().await;
    let refused = [("reason", "max_connections")];
    assert!(metrics.sum("rootcap_connections_refused_total", &refused) >= 1.0);
    drop(first);
    rows(&server, 1).await;
    endpoint(&server).connect().await.unwrap();
    greeter(&server)
        .await
        .say_hello(rootcap_proto::helloworld::HelloRequest::default())
        .await
        .unwrap();
}

/// Callers that hold all the connections they can must not get the process killed for a probe that fails.
#[tokio::test]
async fn connections_that_would_take_the_last_files_leave_the_admin_port_its_own() {
    let settings = [("ROOTCAP_CONNECTION__MAX_CONNECTIONS", "10000")];
    let example = example::command("greeter", &settings);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$0\""]).arg(example.as_std().get_program());
    for (variable, value) in example.as_std().get_envs() {
        match value {
            Some(value) => limited.env(variable, value),
            None => limited.env_remove(variable),
        };
    }
    let example = Example::spawn(limited).await;
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(TcpStream::connect(example.address).await.unwrap());
    }
    // The last ones may still be in the queue; a connection that is refused is counted.
    wait::until("connections that are refused", async || {
        let metrics = example.admin.metrics().await;
        let refused = metrics.sum("rootcap_connections_refused_total", &[("reason", "open_files")]);
        let accepted = metrics.sum("rootcap_connections_accepted_total", &[]);
        (refused > 0.0 && refused + accepted == 100.0).then_some(())
    })
    .await;
    assert_eq!(example.admin.status("/livez").await, 200);
    let metrics = example.admin.metrics().await;
    assert_eq!(metrics.sum("rootcap_accept_errors_total", &[]), 0.0);
}
