//! The pages of the admin port in a browser: they load nothing of others, run nothing, and fit a phone, in light and in
//! dark, whatever callers write wherever they can write.

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use rootcap::{Services, config::Config};
use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{
    admin::Admin,
    browser::Browser,
    raw::Raw,
    server::{self, greeter, hourly, start},
    wait,
};
use tonic::{body::Body, server::NamedService};
use tower::Service;

/// Routes that a browser can get, and that are no pages of HTML.
const NO_PAGES: &[&str] = &[
    "/metrics",
    "/livez",
    "/readyz",
    "/healthz",
    "/info",
    "/style.css",
    "/debug/pprof/profile",
    "/debug/pprof/heap",
    "/debug/pprof/allocs",
];

/// What nothing stands in the way of.
const ANYTHING: &str = "<script>alert(6)</script><img src=x onerror=alert(7)>\"'&\u{1b}[31m";
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

/// The pages that the index lists, and one of those with a parameter in its path.
async fn pages(admin: Admin) -> Vec<String> {
    let (_, index) = admin.get("/?format=json").await;
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let rows = index["pages"].as_array().unwrap().iter().filter(|row| row["method"] == "GET");
    let paths = rows.map(|row| row["path"].as_str().unwrap());
    let pages = paths.filter(|path| !NO_PAGES.contains(path));
    pages.map(|path| path.replace("{rule}", "limits.rate")).collect()
}

#[tokio::test]
async fn every_page_is_harmless_and_readable_in_a_browser() {
    let Some(browser) = Browser::find() else { return };
    let limited = |settings: &mut Config| {
        settings.limits.rate = hourly(3);
        settings.limits.concurrency = Some(8.try_into().unwrap());
    };
    let server = start(limited).await;
    rootcap::debug::register(ANYTHING, || ANYTHING);
    let mut client = greeter(&server).await;
    for _ in 0..5 {
        let mut request = tonic::Request::new(HelloRequest { name: ANYTHING.to_owned() });
        request.metadata_mut().insert("x-request-id", ID.parse().unwrap());
        let _ = client.say_hello(request).await;
    }
    let admin = Admin::of(&server);
    let pages = pages(admin).await;
    browser.look(admin.address(), &pages).await;
}
