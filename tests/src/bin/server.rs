//! A program whose handler logs and makes spans, for the tests of what leaves a process.
//!
//! With `TEST_SUBSCRIBER` in its environment it has a `tracing` subscriber of its own, which writes to stderr. With
//! `TEST_SIGNAL` it is sent SIGTERM as soon as it says that it has started, and once more when it has served. With
//! `TEST_CHECK` it has a health check, which is always good. With `TEST_SHUTDOWN` it owns its signals, and stops at
//! SIGUSR2. With `TEST_LISTENER` it brings a listener. With `TEST_SECOND` it starts a second server after the first.

use std::{future::ready, net::TcpListener, process::Command, time::Duration};

use opentelemetry::{
    global,
    trace::{Span, Tracer},
};
use rootcap::{Services, health::HealthCheck};
use rootcap_examples::faults::FaultsService;
use rootcap_proto::{
    helloworld::{
        HelloReply, HelloRequest,
        greeter_server::{Greeter, GreeterServer},
    },
    testing::faults_server::FaultsServer,
};
use tokio::signal::unix::{SignalKind, signal};
use tonic::{Request, Response, Status};

/// Logs before and after an await, makes spans in between, and panics when the name asks for it.
struct Logging;

#[tonic::async_trait]
impl Greeter for Logging {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let name = request.into_inner().name;
        tracing::info!(name, "handling");
        tokio::task::yield_now().await;
        tracing::info_span!("traced").in_scope(|| ());
        tracing::debug_span!("traced in detail").in_scope(|| ());
        global::tracer("handler").start("recorded").end();
        assert!(name != "panic", "panicking as asked");
        tracing::debug!(name, "handled");
        Ok(Response::new(HelloReply { message: name }))
    }
}

#[tokio::main]
async fn main() -> Result<(), rootcap::Error> {
    std::panic::set_hook(Box::new(|_| eprintln!("the program's own panic hook")));
    if std::env::var_os("TEST_SUBSCRIBER").is_some() {
        tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    }
    let mut builder = rootcap::Server::builder();
    if std::env::var_os("TEST_CHECK").is_some() {
        let second = Duration::from_secs(1);
        builder = builder
            .health_check(HealthCheck::new("test", second, second, || ready(Ok::<_, String>(()))));
    }
    if std::env::var_os("TEST_SHUTDOWN").is_some() {
        builder = builder.shutdown_on(async {
            let mut asked = signal(SignalKind::user_defined2()).expect("a handler");
            asked.recv().await;
        });
    }
    if std::env::var_os("TEST_LISTENER").is_some() {
        builder = builder.listener(TcpListener::bind("127.0.0.1:0").expect("a port"));
    }
    let services = Services::new(GreeterServer::new(Logging)).add(FaultsServer::new(FaultsService));
    if std::env::var_os("TEST_SECOND").is_some() {
        let first = builder.start(services).await?;
        println!("{first}");
        let second = rootcap::Server::builder().start(GreeterServer::new(Logging)).await?;
        println!("second on {}", second.local_addr());
        return first.wait().await;
    }
    builder
        .descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
        .on_start(|server| {
            println!("{server}");
            signal_if_asked();
        })
        .serve(services)
        .await
        .inspect(|()| signal_if_asked())
}

fn signal_if_asked() {
    if std::env::var_os("TEST_SIGNAL").is_some() {
        let sent = Command::new("sh").args(["-c", "kill -TERM $PPID"]).status();
        assert!(sent.is_ok_and(|status| status.success()), "there is a shell");
    }
}
