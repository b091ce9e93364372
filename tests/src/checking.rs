//! Checks of what the server depends on, over real sockets.

use std::{
    future::pending,
    io,
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use http::StatusCode;
use rootcap::{
    Running,
    health::{Affects, HealthCheck},
};
use rootcap_tests::{
    admin::Admin,
    programs,
    server::{builder, connect, services},
    wait,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{ChildStdout, Command},
    runtime,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const GREETER: &str = "helloworld.Greeter";
const INTERVAL: Duration = Duration::from_millis(100);
const SECRET: &str = "secret-password";

/// Something to depend on.
#[derive(Clone, Default)]
struct Dependency(Arc<AtomicBool>);

impl Dependency {
    /// Names are labels of the metrics, which all servers of this process share.
    fn check(&self, name: &str) -> HealthCheck {
        let down = Arc::clone(&self.0);
        HealthCheck::new(name, INTERVAL, INTERVAL, move || {
            let down = down.load(SeqCst);
            async move {
                match down {
                    true => Err(format!("no answer from redis://me:{SECRET}@db:6379 <b>")),
                    false => Ok(()),
                }
            }
        })
    }

    fn set_down(&self, down: bool) {
        self.0.store(down, SeqCst);
    }
}

async fn start(check: HealthCheck) -> (Running, Admin) {
    let server = builder().health_check(check).start(services()).await.unwrap();
    let admin = Admin::of(&server);
    (server, admin)
}

/// What `/debug/health` says of the one check.
async fn check_of(admin: &Admin) -> Value {
    let (status, text) = admin.get("/debug/health?format=json").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let page: Value = serde_json::from_str(&text).unwrap();
    page["checks"][0].clone()
}

/// Until it has failed so often, the last time with an error that contains `error`: on a machine with much else to do
/// a run may also be late.
async fn until_failures(admin: &Admin, failures: u64, error: &str) -> Value {
    let look = async || {
        let check = check_of(admin).await;
        let failed = check["failures_in_a_row"].as_u64().unwrap() >= failures;
        let text = check["last_error"]["text"].as_str().unwrap_or_default();
        (failed && text.contains(error)).then_some(check)
    };
    wait::until("the check to fail", look).await.0
}

async fn until_ready(admin: &Admin, expected: StatusCode) -> String {
    let look = async || {
        let (status, text) = admin.get("/readyz").await;
        (status == expected).then_some(text)
    };
    wait::until("readiness to change", look).await.0
}

#[tokio::test]
async fn what_a_check_affects_is_not_serving_until_it_recovers() {
    let dependency = Dependency::default();
    let check =
        dependency.check("redis").affects(Affects::Readiness).affects(Affects::Service(GREETER));
    let (server, admin) = start(check).await;
    let mut client = HealthClient::new(connect(&server).await);
    let mut watches = Vec::new();
    for service in ["", GREETER] {
        let request = HealthCheckRequest { service: service.to_owned() };
        watches.push(client.watch(request).await.unwrap().into_inner());
    }
    for (down, expected) in [(false, 1), (true, 2), (false, 1)] {
        dependency.set_down(down);
        for watch in &mut watches {
            let told = wait::for_end("the change", watch.message()).await.unwrap().unwrap();
            assert_eq!(told.status, expected);
        }
        if down {
            let reason = until_ready(&admin, StatusCode::SERVICE_UNAVAILABLE).await;
            assert_eq!(reason, "health check redis: failing\n");
            assert_eq!(admin.status("/livez").await, StatusCode::OK);
            // Nobody asked for this one.
            let other = HealthCheckRequest { service: "rootcap.testing.Faults".to_owned() };
            assert_eq!(client.check(other).await.unwrap().into_inner().status, 1);
        } else {
            assert_eq!(until_ready(&admin, StatusCode::OK).await, "ok\n");
        }
    }
}

#[tokio::test]
async fn by_default_it_is_on_the_page_and_in_the_metrics_and_nowhere_else() {
    let dependency = Dependency::default();
    let (_server, admin) = start(dependency.check("page")).await;
    let label = [("check", "page")];
    admin.until("rootcap_health_check_up", &label, 1.0).await;
    dependency.set_down(true);
    let check = until_failures(&admin, 4, "no answer from").await;
    assert_eq!((&check["name"], &check["state"]), (&"page".into(), &"failing".into()));
    assert_eq!(check["last_error"]["text"], "no answer from redis://***@db:6379 <b>");
    assert_eq!(check["affects"], serde_json::json!([]));
    for key in ["in_state_seconds", "last_duration_seconds", "next_in_seconds"] {
        assert!((0.0..20.0).contains(&check[key].as_f64().unwrap()), "{key} of {check}");
    }
    assert_eq!(admin.status("/readyz").await, StatusCode::OK);
    assert_eq!(admin.status("/livez").await, StatusCode::OK);
    let metrics = admin.until("rootcap_health_check_up", &label, 0.0).await;
    assert!(metrics.sum("rootcap_health_check_failures_total", &label) >= 4.0);
    assert!(metrics.sum("rootcap_health_check_duration_seconds", &label) < 1.0);
    for name in ["up", "failures_total", "duration_seconds"] {
        let series = metrics.series(&format!("rootcap_health_check_{name}"));
        assert!(!series.is_empty(), "{name}");
        assert!(metrics.text().contains(&format!("# HELP rootcap_health_check_{name} ")), "{name}");
    }
    let escaped = async || {
        let html = admin.get("/debug/health?format=html").await.1;
        html.contains("redis://***@db:6379 &lt;b&gt;").then_some(html)
    };
    let html = wait::until("the error in HTML", escaped).await.0;
    assert!(!html.contains(SECRET), "{html}");
}

/// A client of another implementation is told.
#[tokio::test]
async fn grpcio_sees_the_service_fail_and_recover() {
    let Some(python) = programs::python() else { return };
    let dependency = Dependency::default();
    let (server, _) = start(dependency.check("redis").affects(Affects::Service(GREETER))).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/grpcio_watch.py");
    let mut command = Command::new(python);
    command.arg(script).arg(server.local_addr().to_string()).arg(GREETER);
    let mut client = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let next = async |lines: &mut Lines<BufReader<ChildStdout>>| {
        wait::for_end("a status", lines.next_line()).await.unwrap().unwrap()
    };
    assert_eq!(next(&mut lines).await, "SERVING");
    dependency.set_down(true);
    assert_eq!(next(&mut lines).await, "NOT_SERVING");
    dependency.set_down(false);
    assert_eq!(next(&mut lines).await, "SERVING");
}

#[tokio::test]
async fn a_check_that_hangs_or_panics_fails() {
    let hang = || pending::<io::Result<()>>();
    let panic = || async { panic!("as asked") as io::Result<()> };
    let checks = [
        (HealthCheck::new("x", INTERVAL, INTERVAL / 2, hang), "no answer within 50ms"),
        // Writing a backtrace takes its time.
        (HealthCheck::new("x", 5 * INTERVAL, 5 * INTERVAL, panic), "panicked: as asked"),
    ];
    for (check, error) in checks {
        let (server, admin) = start(check.affects(Affects::Readiness)).await;
        until_ready(&admin, StatusCode::SERVICE_UNAVAILABLE).await;
        let said = async || (check_of(&admin).await["last_error"]["text"] == error).then_some(());
        wait::until(error, said).await;
        assert_eq!(admin.status("/livez").await, StatusCode::OK);
        server.stop();
        wait::for_end("a drain, which waits for no check", server.wait()).await.unwrap();
    }
}

/// The one worker of the service's runtime is blocked: the page shows since when, and the check fails on.
#[tokio::test]
async fn a_check_that_blocks_the_whole_runtime_is_seen() {
    let service = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let service = service.unwrap();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let check = HealthCheck::new("block", INTERVAL, INTERVAL, move || {
        // Ends at once after the release.
        let _ = released.lock().unwrap().recv();
        async { Ok::<_, io::Error>(()) }
    });
    let (server, admin) = service.spawn(start(check.affects(Affects::Readiness))).await.unwrap();
    until_ready(&admin, StatusCode::SERVICE_UNAVAILABLE).await;
    let check = until_failures(&admin, 5, "its thread is blocked").await;
    assert!(check["running_seconds"].as_f64().unwrap() > 0.2, "{check}");
    let text = admin.get("/debug/health?format=text").await.1;
    assert!(text.contains("  running for "), "{text}");

    drop(release);
    until_ready(&admin, StatusCode::OK).await;
    let check = check_of(&admin).await;
    assert_eq!((&check["state"], &check["failures_in_a_row"]), (&"ok".into(), &0.into()));
    server.stop();
    wait::for_end("the drain", server.wait()).await.unwrap();
    service.shutdown_background();
}

#[tokio::test]
async fn a_check_of_what_is_not_served_is_an_error_at_start() {
    let check = Dependency::default().check("redis").affects(Affects::Service("no.Such"));
    let error = builder().health_check(check).start(services()).await.unwrap_err();
    assert!(error.is_config());
    let expected = "health check \"redis\": affects the service \"no.Such\": \
                    expected one of helloworld.Greeter, rootcap.testing.Faults";
    assert!(format!("{error:?}").ends_with(expected), "{error:?}");
}
