//! The admin pages in a browser, with callers who write markup wherever they can write.

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use rootcap::Services;
use rootcap_tests::{admin::Admin, browser::Browser, raw::Raw, server, wait};
use tonic::{body::Body, server::NamedService};
use tower::Service;

/// What HTTP/2's paths let through, which is no angle bracket.
const METHOD: &str = "\"onclick='alert(2)'&lt;img&gt;";
/// What its fields let through.
const MARKUP: &str = "\"><script>alert(3)</script><img src=x onerror=alert(4)>";
/// What a request's id may be.
const ID: &str = "<b>\"onmouseover='alert(5)'</b>";
/// Asks for a call that does not end.
const HANG: &str = "x-hang";

/// A service whose name is markup, too.
#[derive(Clone)]
struct Hostile;

impl NamedService for Hostile {
    const NAME: &'static str = "a.\"onclick='alert(1)'&lt;script&gt;";
}

impl<B> Service<Request<B>> for Hostile {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let hangs = request.headers().contains_key(HANG);
        Box::pin(async move {
            if hangs {
                pending::<()>().await;
            }
            let response = Response::builder().header("grpc-status", "0");
            Ok(response.body(Body::empty()).unwrap())
        })
    }
}

#[tokio::test]
async fn pages_run_nothing_of_what_callers_wrote_and_fit_everywhere() {
    let Some(browser) = Browser::find() else { return };
    let builder = server::without_descriptors();
    let builder = builder.configure(|config| config.log.metadata = vec!["x-tenant".to_owned()]);
    let server = builder.start(Services::new(Hostile)).await.unwrap();
    let admin = Admin::of(&server);
    let raw = Raw::connect(server.local_addr()).await;
    let head = || {
        let head = raw.head(&format!("/{}/{METHOD}", Hostile::NAME)).header("user-agent", MARKUP);
        head.header("x-tenant", MARKUP).header("x-request-id", ID)
    };
    for _ in 0..100 {
        assert_eq!(raw.call(head(), Bytes::new()).await.unwrap().grpc_status(), "0");
    }
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(raw.open(head().header(HANG, "yes").header("grpc-timeout", "1H")).await);
    }
    let begun = async || (admin.calls("").await["in_flight"] == 3).then_some(());
    wait::until("three calls", begun).await;
    let row = admin.calls("limit=1").await["calls"][0].clone();
    assert_eq!((&row["request_id"], &row["user_agent"]), (&ID.into(), &MARKUP.into()), "{row}");
    assert!(row["method"].as_str().unwrap().ends_with(METHOD), "{row}");

    let pages = ["/debug/calls", "/debug/latency", "/debug/calls?method=%22%3E%3Cscript%3E"];
    browser.look(admin.address(), &pages).await;
    browser.cancel(admin.address()).await;
    let gone = async || (admin.calls("").await["in_flight"] == 2).then_some(());
    wait::until("one call to be gone", gone).await;
    drop((open, raw));
    admin.at_rest().await;
}
