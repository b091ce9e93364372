//! Profiles of the CPU one after another, and of the heap meanwhile, while the server works: nothing crashes or hangs.

use std::{
    env,
    time::{Duration, Instant},
};

use http::{Method, StatusCode};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{example::Example, wait};
use tonic::transport::Channel;

use super::{get, greet, profile, start};

/// How long a CPU profile lasts, and all else with it.
const SECOND: Duration = Duration::from_secs(1);

/// How many are taken: `TEST_PROFILES`, else a few.
fn rounds() -> usize {
    env::var("TEST_PROFILES").map_or(2, |rounds| rounds.parse().unwrap())
}

/// Calls that allocate, one after another.
async fn keep_calling(mut client: GreeterClient<Channel>, until: Instant) {
    while Instant::now() < until {
        client.say_hello(HelloRequest { name: "anybody".to_owned() }).await.unwrap();
    }
}

/// Has jemalloc write all its samples, again and again.
async fn keep_dumping(example: &Example, until: Instant) {
    while Instant::now() < until {
        let response = example.admin.response(Method::POST, "/debug/pprof/heap", "").await;
        assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    }
}

#[tokio::test]
async fn profiles_of_the_cpu_and_of_the_heap_at_once_under_load_do_no_harm() {
    // Far more often than by default, so that signals find threads that take a sample.
    let example = start(&[("_RJEM_MALLOC_CONF", "lg_prof_sample:13")]).await;
    let client = GreeterClient::connect(format!("http://{}", example.address)).await.unwrap();
    for _ in 0..rounds() {
        let until = Instant::now() + SECOND;
        let (cpu, ..) = tokio::join!(
            profile(&example, "/debug/pprof/profile?seconds=1&hz=1000"),
            keep_dumping(&example, until),
            keep_calling(client.clone(), until),
            keep_calling(client.clone(), until),
            keep_calling(client.clone(), until),
        );
        assert!(!cpu.is_empty());
        assert_eq!(get(&example, "/debug/pprof/threads").await.status(), StatusCode::OK);
    }
    wait::for_end("an answer", greet(&example, "nobody")).await;
}
