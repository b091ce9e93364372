//! Profiles of the heap of a program whose allocator is jemalloc. A test of its own, as it builds jemalloc.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod load;

use std::{path::Path, pin::pin};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    example::{self, Example},
    pprof::Pprof,
};
use serde_json::Value;

/// Starts the program, with these variables in its environment.
async fn start(settings: &[(&str, &str)]) -> Example {
    let path = env!("CARGO_BIN_EXE_rootcap-heap-server");
    Example::spawn(example::program(Path::new(path), settings)).await
}

async fn greet(example: &Example, name: &str) {
    let address = format!("http://{}", example.address);
    let mut client = GreeterClient::connect(address).await.unwrap();
    client.say_hello(HelloRequest { name: name.to_owned() }).await.unwrap();
}

async fn get(example: &Example, path: &str) -> Response<Bytes> {
    example.admin.response(Method::GET, path, "").await
}

async fn profile(example: &Example, path: &str) -> Bytes {
    let response = get(example, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    response.into_body()
}

/// What a function and those that it calls have, by `pprof -top`: flat, flat %, sum %, cum, cum %, and the name.
fn mebibytes(top: &str, function: &str) -> f64 {
    let row = top.lines().find(|line| line.contains(function));
    let cumulative = row.map_or("0MB", |row| row.split_whitespace().nth(3).unwrap());
    cumulative.strip_suffix("MB").unwrap().parse().unwrap()
}

#[tokio::test]
async fn pprof_names_the_function_that_holds_the_memory() {
    let Some(pprof) = Pprof::find() else { return };
    let example = start(&[]).await;
    greet(&example, "first").await;
    let heap = profile(&example, "/debug/pprof/heap").await;
    let top = pprof.run(&["-top", "-unit=mb"], &heap);
    assert!(top.contains("Type: inuse_space"), "{top}");
    // 16 MiB, as samples estimate it.
    let held = mebibytes(&top, "first_holder");
    assert!((12.0..20.0).contains(&held), "{held} {top}");
    assert!(!top.contains("rjem") && !top.contains("rust_alloc"), "{top}");
    let objects = pprof.run(&["-top", "-sample_index=inuse_objects"], &heap);
    assert!(objects.contains("Type: inuse_objects"), "{objects}");
    let svg = pprof.run(&["-svg", "-nodecount=1000"], &heap);
    assert!(svg.contains("<svg") && svg.contains("first_holder"), "{svg}");

    greet(&example, "nobody").await;
    let heap = profile(&example, "/debug/pprof/heap").await;
    let top = pprof.run(&["-top", "-unit=mb"], &heap);
    assert_eq!(mebibytes(&top, "first_holder"), 0.0, "{top}");
    let allocs = profile(&example, "/debug/pprof/allocs").await;
    let top = pprof.run(&["-top", "-unit=mb"], &allocs);
    assert!(top.contains("Type: alloc_space"), "{top}");
    assert!((12.0..20.0).contains(&mebibytes(&top, "first_holder")), "{top}");
}

#[tokio::test]
async fn with_a_base_there_is_only_what_has_grown() {
    let Some(pprof) = Pprof::find() else { return };
    let example = start(&[]).await;
    greet(&example, "first").await;
    let (status, text) = example.admin.send(Method::POST, "/debug/pprof/heap", "").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.starts_with("kept as base 1"), "{text}");
    greet(&example, "second").await;
    for path in ["/debug/pprof/heap?base=1", "/debug/pprof/allocs?base=1"] {
        let grown = profile(&example, path).await;
        let top = pprof.run(&["-top", "-unit=mb"], &grown);
        assert_eq!(mebibytes(&top, "first_holder"), 0.0, "{top}");
        assert!((12.0..20.0).contains(&mebibytes(&top, "second_holder")), "{top}");
        let comments = pprof.run(&["-comments"], &grown);
        assert!(comments.contains("What has grown in the last "), "{comments}");
    }
    let (_, index) = example.admin.get("/debug/pprof/").await;
    assert!(index.contains("Bases that are kept: 1 ("), "{index}");
    let (status, text) = example.admin.get("/debug/pprof/heap?base=2").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("base=2: it is not kept; kept are: 1; a POST"), "{text}");
}

#[tokio::test]
async fn with_seconds_there_is_what_has_grown_meanwhile() {
    let Some(pprof) = Pprof::find() else { return };
    let example = start(&[]).await;
    greet(&example, "first").await;
    let mut answer = pin!(profile(&example, "/debug/pprof/allocs?seconds=1"));
    let grown = loop {
        let meanwhile = async {
            greet(&example, "second").await;
            greet(&example, "nobody").await;
        };
        tokio::select! {
            grown = &mut answer => break grown,
            () = meanwhile => {}
        }
    };
    let top = pprof.run(&["-top", "-unit=mb"], &grown);
    assert_eq!(mebibytes(&top, "first_holder"), 0.0, "{top}");
    assert!(mebibytes(&top, "second_holder") > 0.0, "{top}");
}

#[tokio::test]
async fn a_flame_graph_names_it_too() {
    let example = start(&[]).await;
    greet(&example, "first").await;
    let response = get(&example, "/debug/pprof/heap?format=flamegraph").await;
    assert_eq!(response.headers()["content-type"], "image/svg+xml");
    let svg = String::from_utf8(response.body().to_vec()).unwrap();
    assert!(svg.contains("first_holder") && svg.contains("Memory in use, by function"), "{svg}");
    assert!(!svg.contains("_rjem_"), "{svg}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_can() {
    let example = start(&[]).await;
    for (query, wanted) in [
        ("seconds=301", "seconds=301: expected a whole number from 1 to 300\n"),
        ("base=x", "base=x: expected a whole number from 1 to 18446744073709551615\n"),
        ("base=1&seconds=1", "base and seconds exclude each other: since when shall it be?\n"),
        ("hz=1", "there is no parameter \"hz\"; expected \"base\", \"seconds\" or \"format\"\n"),
        ("format=html", "format=html: expected one of proto, flamegraph\n"),
    ] {
        for page in ["heap", "allocs"] {
            let (status, text) = example.admin.get(&format!("/debug/pprof/{page}?{query}")).await;
            assert_eq!((status, text.as_str()), (StatusCode::BAD_REQUEST, wanted));
        }
    }
    let (status, text) = example.admin.send(Method::POST, "/debug/pprof/heap", "base=1").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
}

#[tokio::test]
async fn what_the_environment_switches_off_is_said_with_how_to_switch_it_on() {
    let off = start(&[("_RJEM_MALLOC_CONF", "prof:false")]).await;
    for path in ["/debug/pprof/heap", "/debug/pprof/allocs"] {
        let (status, text) = off.admin.get(path).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
        assert!(text.contains("jemalloc was started without sampling the heap"), "{text}");
    }
    let forgetful = start(&[("_RJEM_MALLOC_CONF", "prof_accum:false")]).await;
    let (status, text) = forgetful.admin.get("/debug/pprof/allocs").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert!(text.contains("without keeping what was freed"), "{text}");
    profile(&forgetful, "/debug/pprof/heap").await;
}

#[tokio::test]
async fn a_program_that_does_not_call_the_macro_is_told_of_it() {
    let path = env!("CARGO_BIN_EXE_rootcap-test-server");
    let other = Example::spawn(example::program(Path::new(path), &[])).await;
    let (status, text) = other.admin.get("/debug/pprof/heap").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert!(
        text.contains("is not the allocator of this program: call rootcap::jemalloc!()"),
        "{text}"
    );
    let (_, memory) = other.admin.get("/debug/memory").await;
    assert!(memory.contains("What the allocator holds is not known: jemalloc, which"), "{memory}");
}

#[tokio::test]
async fn memory_shows_what_the_allocator_counts() {
    let example = start(&[]).await;
    greet(&example, "first").await;
    let page: Value =
        serde_json::from_slice(&profile(&example, "/debug/memory?format=json").await).unwrap();
    let number = |name: &str| page["allocator"][name].as_u64().unwrap();
    assert!(number("allocated") > 16 << 20, "{page}");
    assert!(number("active") >= number("allocated") && number("mapped") > 0, "{page}");
    assert!(number("resident") >= number("active") && number("metadata") > 0, "{page}");
    let (_, text) = example.admin.get("/debug/memory").await;
    assert!(text.contains("what the program holds"), "{text}");
}
