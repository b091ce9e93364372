//! Readiness that waits for start-up tasks, over real sockets.

use http::StatusCode;
use rootcap::health::Health;
use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{
    admin::Admin,
    server::{builder, connect, greeter, services},
    wait,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

#[tokio::test]
async fn a_server_is_ready_when_its_last_start_up_task_is_done() {
    let health = Health::new();
    let (warm, migrate) = (health.readiness("warm the cache"), health.readiness("migrate"));
    let server = builder().health(health).start(services()).await.unwrap();
    let admin = Admin::of(&server);
    let mut client = HealthClient::new(connect(&server).await);
    let request = HealthCheckRequest { service: "helloworld.Greeter".to_owned() };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, NOT_SERVING);
    let waiting =
        (StatusCode::SERVICE_UNAVAILABLE, "waiting for: migrate\nwaiting for: warm the cache\n");
    for page in ["/readyz", "/healthz"] {
        let (status, text) = admin.get(page).await;
        assert_eq!((status, text.as_str()), waiting);
    }
    assert_eq!(admin.status("/livez").await, StatusCode::OK);
    // Whoever calls all the same is served.
    greeter(&server).await.say_hello(HelloRequest::default()).await.unwrap();

    drop(migrate);
    let text = admin.get("/debug/health").await.1;
    assert!(text.starts_with("Not ready: waiting for: warm the cache.\n"), "{text}");
    assert!(text.contains("What readiness waits for\n"), "{text}");
    tokio::spawn(async move { drop(warm) });
    let told = wait::for_end("the change", watch.message()).await.unwrap().unwrap();
    assert_eq!(told.status, SERVING);
    assert_eq!(admin.status("/readyz").await, StatusCode::OK);
    assert!(admin.get("/debug/health").await.1.starts_with("Ready.\n"));
}

#[tokio::test]
async fn a_start_up_task_that_panics_does_not_make_it_ready() {
    let health = Health::new();
    let warm = health.readiness("warm the cache");
    let server = builder().health(health).start(services()).await.unwrap();
    let task = tokio::spawn(async move {
        let _warm = warm;
        tokio::task::yield_now().await;
        panic!("the cache cannot be warmed");
    });
    assert!(task.await.unwrap_err().is_panic());
    let admin = Admin::of(&server);
    assert_eq!(admin.status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    let text = admin.get("/debug/health").await.1;
    assert!(
        text.lines().any(|line| line.starts_with("warm the cache  ") && line.ends_with("a panic")),
        "{text}"
    );
}

#[tokio::test]
async fn a_drain_does_not_wait_for_start_up_tasks() {
    let health = Health::new();
    let _warm = health.readiness("warm the cache");
    let server = builder().health(health).start(services()).await.unwrap();
    server.stop();
    wait::for_end("the drain", server.wait()).await.unwrap();
}
