//! Profiles of the CPU one after another, and of the heap meanwhile, while the server works: nothing crashes or hangs.

use std::env;

use http::{Method, StatusCode};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, wait};
use tokio::task::JoinSet;

use super::{get, greet, profile, start};

/// How many CPU profiles of a second are taken: `TEST_PROFILES`, else a few.
fn rounds() -> usize {
    env::var("TEST_PROFILES").map_or(2, |rounds| rounds.parse().unwrap())
}

/// Calls that allocate, until it is dropped.
async fn keep_busy(example: &Example) -> JoinSet<()> {
    let client = GreeterClient::connect(format!("http://{}", example.address)).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        let mut client = client.clone();
        let request = HelloRequest { name: "anybody".to_owned() };
        calls.spawn(async move { while client.say_hello(request.clone()).await.is_ok() {} });
    }
    calls
}

/// Has jemalloc write all its samples, again and again.
async fn keep_dumping(example: &Example) {
    loop {
        let response = example.admin.response(Method::POST, "/debug/pprof/heap", "").await;
        assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    }
}

#[tokio::test]
async fn profiles_of_the_cpu_and_of_the_heap_at_once_under_load_do_no_harm() {
    // Far more often than by default, so that signals find threads that take a sample.
    let example = start(&[("_RJEM_MALLOC_CONF", "lg_prof_sample:14")]).await;
    let _busy = keep_busy(&example).await;
    for _ in 0..rounds() {
        tokio::select! {
            cpu = profile(&example, "/debug/pprof/profile?seconds=1&hz=1000") => assert!(!cpu.is_empty()),
            () = keep_dumping(&example) => {}
        }
        assert_eq!(get(&example, "/debug/pprof/threads").await.status(), StatusCode::OK);
    }
    wait::for_end("an answer", greet(&example, "nobody")).await;
}
