//! The user's layers, at the border: their errors, their readiness and their panics stay within the call.

use tonic::Status;
use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer};

use super::{service::Calls, *};
use crate::{
    bounds::{App, BoxError},
    server::border::Border,
};

/// Whether a call of any method has ended so.
fn ended_as<A: App>(server: &Server<A>, code: &str) -> bool {
    let metrics = rootcap_layers::metrics::render(&server.methods);
    metrics.contains(&format!("grpc_code=\"{code}\"}} 1"))
}

type MakeError = fn() -> BoxError;

fn failing(error: MakeError) -> Server<impl App> {
    Server::over(
        |_| {},
        |calls: Calls| {
            let fail = ServiceBuilder::new()
                .filter(move |_| Err::<http::Request<tonic::body::Body>, _>(error()));
            Border::new(fail.service(calls))
        },
    )
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_layer_is_an_answer() {
    let errors: [(MakeError, &str); 2] = [
        (|| Status::permission_denied("no").into(), "PermissionDenied"),
        (|| "out of order".into(), "Unknown"),
    ];
    for (error, code) in errors {
        let server = failing(error);
        let (mut peer, _end) = server.accept();
        peer.greet(&[]).await;
        peer.call(1, "/test/Now").await;
        peer.end_of(1).await;
        assert!(ended_as(&server, code), "{code}");
    }
}

fn one_at_a_time() -> Server<impl App> {
    Server::over(
        |_| {},
        |calls: Calls| {
            Border::new(ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(calls))
        },
    )
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_is_not_ready_is_waited_for() {
    let server = one_at_a_time();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    peer.call(3, "/test/Now").await;
    tokio::time::sleep(seconds(60)).await;
    assert_eq!(server.io().open_calls(), 2);
    server.calls.release();
    peer.end_of(1).await;
    peer.end_of(3).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_layer_stands_under_the_deadline() {
    let server = one_at_a_time();
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    server.calls.handlers_are(1).await;
    let began = Instant::now();
    peer.call_with_timeout(3, "/test/Now", "2S").await;
    peer.end_of(3).await;
    assert_eq!(began.elapsed().as_secs(), 2);
    assert!(ended_as(&server, "DeadlineExceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_layer_ends_its_call_only() {
    let server = Server::over(
        |_| {},
        |calls: Calls| {
            let panic = ServiceBuilder::new().map_request(|request: http::Request<_>| {
                assert_ne!(request.uri().path(), "/test/Panic", "a test's panic");
                request
            });
            Border::new(panic.service(calls))
        },
    );
    let (mut peer, _end) = server.accept();
    peer.greet(&[]).await;
    peer.call(1, "/test/Wait").await;
    peer.call(3, "/test/Panic").await;
    peer.end_of(3).await;
    assert!(ended_as(&server, "Internal"));
    server.calls.release();
    peer.end_of(1).await;
}
