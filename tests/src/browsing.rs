//! The pages of the admin port in a browser: they load nothing of others, run nothing, and fit a phone, in light and in
//! dark, whatever the names on them are.

use std::path::Path;

use rootcap::config::Config;
use rootcap_proto::helloworld::HelloRequest;
use rootcap_tests::{
    admin::Admin,
    programs::{self, Browser},
    server::{greeter, hourly, start},
};
use tokio::process::Command;

/// Routes that a browser can get, and that are no pages of HTML.
const NO_PAGES: &[&str] = &["/metrics", "/livez", "/readyz", "/healthz", "/info", "/style.css"];

const MARKUP: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\u{1b}[31m";

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
    let Some(Browser { node, chromium }) = programs::browser() else { return };
    let limited = |settings: &mut Config| {
        settings.limits.rate = hourly(3);
        settings.limits.concurrency = Some(8.try_into().unwrap());
    };
    let server = start(limited).await;
    rootcap::debug::register(MARKUP, || MARKUP);
    let mut client = greeter(&server).await;
    for _ in 0..5 {
        let mut request = tonic::Request::new(HelloRequest { name: MARKUP.to_owned() });
        request.metadata_mut().insert("x-request-id", "<script>alert(3)</script>".parse().unwrap());
        let _ = client.say_hello(request).await;
    }
    let admin = Admin::of(&server);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/pages.mjs");
    let mut command = Command::new(node);
    command.arg(script).arg(chromium).arg(format!("http://{}", admin.address()));
    let pages = pages(admin).await;
    let output = command.args(&pages).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), pages.len(), "{said}");
}
