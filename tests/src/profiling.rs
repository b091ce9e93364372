//! Profiles of a server that works, as other programs read them; handlers that block, and where.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use rootcap_proto::testing::{BlockRequest, ComputeRequest, faults_client::FaultsClient};
use rootcap_tests::{example::Example, pprof::Pprof, wait};
use serde_json::Value;
use tokio::task::JoinSet;
use tonic::transport::Channel;

const COMPUTE: &str = "/rootcap.testing.Faults/Compute";

async fn client(example: &Example) -> FaultsClient<Channel> {
    let address = format!("http://{}", example.address);
    FaultsClient::new(Channel::from_shared(address).unwrap().connect().await.unwrap())
}

/// Keeps `example` busy with calls that compute, until it is dropped.
async fn keep_busy(example: &Example) -> JoinSet<()> {
    let mut client = client(example).await;
    let mut calls = JoinSet::new();
    calls
        .spawn(async move { while client.compute(ComputeRequest { millis: 20 }).await.is_ok() {} });
    calls
}

async fn get(example: &Example, path: &str) -> Response<Bytes> {
    example.admin.response(Method::GET, path, "").await
}

#[tokio::test]
async fn pprof_names_the_function_of_a_busy_handler_and_its_method() {
    let Some(pprof) = Pprof::find() else { return };
    let example = Example::start("faults", &[]).await;
    let _busy = keep_busy(&example).await;
    let response = get(&example, "/debug/pprof/profile?seconds=1&hz=250").await;
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    let profile = response.body();

    // Flat, flat %, sum %, cum, cum %, and the name.
    let top = pprof.run(&["-top"], profile);
    let row = |name: &str| top.lines().find(|line| line.contains(name)).map(str::to_owned);
    let hot = row("faults_service::compute_for").or_else(|| row("compute_for"));
    assert!(hot.is_some(), "{top}");
    assert!(top.contains("Type: cpu") && top.contains("Duration: 1"), "{top}");
    let cumulative = pprof.run(&["-top", "-cum", "-focus=compute_for"], profile);
    assert!(cumulative.contains("CallTask"), "its callers are known: {cumulative}");

    let svg = pprof.run(&["-svg"], profile);
    assert!(svg.contains("<svg") && svg.contains("compute_for"), "{svg}");
    let tags = pprof.run(&["-tags"], profile);
    assert!(tags.contains("grpc_method") && tags.contains(COMPUTE), "{tags}");
    let tags = pprof.run(&["-tags", "-focus=compute_for"], profile);
    assert!(tags.contains(COMPUTE) && !tags.contains("/unknown"), "{tags}");
    let comments = pprof.run(&["-comments"], profile);
    assert!(comments.contains("Sampled each 4ms"), "{comments}");
}

#[tokio::test]
async fn a_flame_graph_names_it_too_and_may_run_its_own_script_alone() {
    let example = Example::start("faults", &[]).await;
    let _busy = keep_busy(&example).await;
    let response = get(&example, "/debug/pprof/profile?seconds=1&format=flamegraph").await;
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    let svg = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(svg.contains("compute_for") && svg.contains(COMPUTE), "{svg}");
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    let nonce = svg.split("<script nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.contains(&format!("script-src 'nonce-{nonce}'")), "{policy}");
    assert!(policy.contains("sandbox") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_second_profile_is_refused_and_one_that_nobody_waits_for_ends() {
    let example = Example::start("faults", &[]).await;
    let admin = example.admin;
    let first = tokio::spawn(async move {
        admin.response(Method::GET, "/debug/pprof/profile?seconds=300", "").await
    });
    let second = async || {
        let (status, text) = admin.get("/debug/pprof/profile?seconds=1").await;
        // The first may not have begun before.
        (status == StatusCode::CONFLICT).then_some(text)
    };
    let (text, _) = wait::until("a second profile to be refused", second).await;
    assert!(text.contains("is being taken already, for 127.0.0.1:"), "{text}");
    first.abort();
    let third = async || {
        let (status, _) = get(&example, "/debug/pprof/profile?seconds=1").await.into_parts();
        (status.status == StatusCode::OK).then_some(())
    };
    wait::until("the first one to end with its request", third).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_can() {
    let example = Example::start("faults", &[]).await;
    for (query, wanted) in [
        ("seconds=99999", "seconds=99999: expected a whole number from 1 to 300\n"),
        ("seconds=0", "seconds=0: expected a whole number from 1 to 300\n"),
        ("hz=0", "hz=0: expected a whole number from 1 to 1000\n"),
        (
            "second=1",
            "there is no parameter \"second\"; expected \"seconds\", \"hz\" or \"format\"\n",
        ),
        ("format=html", "format=html: expected one of proto, flamegraph\n"),
    ] {
        let (status, text) = example.admin.get(&format!("/debug/pprof/profile?{query}")).await;
        assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, wanted));
    }
}

#[tokio::test]
async fn without_jemalloc_the_heap_is_not_known_and_the_page_says_how_it_would_be() {
    let example = Example::start("faults", &[]).await;
    let wanted = "There is no profile of the heap: this program was built without jemalloc";
    for (method, path) in [
        (Method::GET, "/debug/pprof/heap"),
        (Method::GET, "/debug/pprof/allocs?format=flamegraph"),
        (Method::POST, "/debug/pprof/heap"),
    ] {
        let (status, text) = example.admin.send(method, path, "").await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{text}");
        assert!(text.starts_with(wanted) && text.contains("rootcap::jemalloc!();"), "{text}");
    }
    let (_, memory) = example.admin.get("/debug/memory").await;
    assert!(memory.contains("What the allocator holds is not known: this program was"), "{memory}");
}

async fn json(example: &Example, path: &str) -> Value {
    let (status, text) = example.admin.get(&format!("{path}?format=json")).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Whether a stack of a page has a function of that name.
fn has(stack: &Value, function: &str) -> bool {
    let frames = stack.as_array().into_iter().flatten();
    frames.into_iter().any(|frame| frame["function"].as_str().unwrap().contains(function))
}

#[tokio::test]
async fn a_blocked_worker_is_caught_with_the_function_that_blocks() {
    let example = Example::start("faults", &[("TOKIO_WORKER_THREADS", "2")]).await;
    assert_eq!(json(&example, "/debug/stalls").await["count"], 0);
    let mut client = client(&example).await;
    let call = tokio::spawn(async move { client.block(BlockRequest { millis: 600_000 }).await });
    let caught = async || {
        let page = json(&example, "/debug/stalls").await;
        let stall = page["stalls"].get(0)?.clone();
        (!stall["stack"].is_null()).then_some((page, stall))
    };
    let ((page, stall), _) = wait::until("the stall's stack", caught).await;
    assert_eq!(page["count"], 1, "{page}");
    assert_eq!(stall["method"], "/rootcap.testing.Faults/Block");
    assert_eq!(stall["goes_on"], true);
    assert!(stall["lasted_at_least_seconds"].as_f64().unwrap() >= 0.25, "{stall}");
    assert!(has(&stall["stack"], "sleep") && has(&stall["stack"], "block"), "{stall}");
    let labels = [("grpc_service", "rootcap.testing.Faults"), ("grpc_method", "Block")];
    example.admin.until("rootcap_stalls_total", &labels, 1.0).await;
    call.abort();
}

#[tokio::test]
async fn a_stall_that_is_over_is_listed_as_over_and_a_short_call_is_none() {
    let settings = [("ROOTCAP_DEBUG__STALL_THRESHOLD", "100ms")];
    let example = Example::start("faults", &settings).await;
    let mut client = client(&example).await;
    for millis in [1, 1] {
        client.block(BlockRequest { millis }).await.unwrap();
    }
    let began = Instant::now();
    client.block(BlockRequest { millis: 500 }).await.unwrap();
    let took = began.elapsed().as_secs_f64();
    let over = async || {
        let page = json(&example, "/debug/stalls").await;
        (page["stalls"][0]["goes_on"] == false).then_some(page)
    };
    let (page, _) = wait::until("the stall to be over", over).await;
    assert_eq!(page["count"], 1, "{page}");
    let lasted = page["stalls"][0]["lasted_at_least_seconds"].as_f64().unwrap();
    assert!((0.1..=took).contains(&lasted), "{lasted} of {took}");
}

#[tokio::test]
async fn each_thread_says_where_it_is() {
    let example = Example::start("faults", &[("TOKIO_WORKER_THREADS", "2")]).await;
    let mut client = client(&example).await;
    let blocked = tokio::spawn(async move { client.block(BlockRequest { millis: 600_000 }).await });
    let named = async || {
        let page = json(&example, "/debug/pprof/threads").await;
        let threads = page["threads"].as_array().unwrap().clone();
        let is_blocked = |row: &Value| row["polls"] == "/rootcap.testing.Faults/Block";
        // It may still be about to hand over the request for this page.
        let sleeps = |row: &Value| row["name"] == "rootcap-admin" && has(&row["stack"], "park");
        (threads.iter().any(is_blocked) && threads.iter().any(sleeps)).then_some(threads)
    };
    let (threads, _) = wait::until("the blocked thread and the admin thread", named).await;
    let blocked_row = threads.iter().find(|row| !row["polls"].is_null()).unwrap();
    assert!(has(&blocked_row["stack"], "block"), "{blocked_row}");
    assert_eq!(blocked_row["state"], "sleeping");
    assert!(blocked_row["cpu_seconds"].as_f64().unwrap() < 5.0, "{blocked_row}");
    blocked.abort();
}

/// Short profiles one after another, while the server works and its threads are asked for their stacks.
#[tokio::test]
async fn profiles_in_a_row_under_load_do_no_harm() {
    let example = Example::start("faults", &[]).await;
    let _busy = keep_busy(&example).await;
    for _ in 0..3 {
        let profile = get(&example, "/debug/pprof/profile?seconds=1&hz=1000");
        let (profile, threads) = tokio::join!(profile, get(&example, "/debug/pprof/threads"));
        assert_eq!((profile.status(), threads.status()), (StatusCode::OK, StatusCode::OK));
    }
    let mut client = client(&example).await;
    let answered = client.compute(ComputeRequest { millis: 1 });
    assert!(tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap().is_ok());
}
